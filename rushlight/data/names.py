"""First names of people from all over the world, for networks that make up more of them.

Written down for Rushlight, from memory and in no order but the alphabet's, in the 26 letters that
all keyboards have. Licence: that of the project.
"""


def load() -> list[str]:
    """Return the 1,861 names, in the order of the alphabet.

    >>> names = load()
    >>> len(names), names[0], names[-1]
    (1861, 'Aarav', 'Zuri')
    """
    return _NAMES.split()


_NAMES = """
Aarav Abbas Abdi Abdullah Abebe Abena Abeni Abhishek Abigail Achieng Ada Adaeze Adam Ade Adebayo
Adela Adele Adi Adil Aditi Aditya Adomas Adrian Adwoa Afa Afonso Afsaneh Afua Agathe Agim Agnes
Agneta Agnieszka Agus Ahiga Ahmet Aibek Aidan Aigul Aiko Aime Aino Ainura Aisha Aisling Aisyah
Aivars Aiyana Ajay Akash Akemi Akinyi Akira Akosua Aksel Akua Alain Alana Albert Alberto Alejandro
Alessandra Alessio Alexander Alexandros Alexei Alfred Ali Alia Alice Alina Alma Almas Alonso
Altantsetseg Alvaro Ama Amal Amalia Amandine Amara Amaru Amelia Amihan Amina Aminata Amir Amit
Amrita Amy An Ana Anahi Anahit Anand Ananya Anastasia Anastasios Anbu Anders Andras Andreas
Andreea Andrei Andres Andrew Andriamanana Andrzej Angus Anh Anil Anita Anjali Anke Anna Anneke
Annelise Anong Anthony Antoine Anton Antonella Antonia Antonina Antti Anura Anwar Apinya Aponi
Apostolos Aputsiaq Ara Aram Aranka Arash Arben Ardeshir Ariel Arjun Arkady Arnaud Arne Aroha
Arpine Arthit Arthur Arul Arun Arundhati Asha Asher Ashok Askar Asma Asta Aster Astrid Asuka
Ataahua Athina Atieno Audra Audrey August Aung Aurelie Avi Aviaja Aviva Awa Ayaan Aydin Ayelen
Ayita Ayodele Ayse Ayu Ayumi Azar Aziz Azlan Babatunde Badr Bagus Bahram Bakyt Balazs Bambang
Baozhai Baraka Barbara Baris Bart Bartosz Bashir Bastien Batbayar Batya Bayani Beata Beatrice
Beatriz Behrouz Bekele Bela Benjamin Benoit Bernard Bernardo Bernd Besnik Bhavana Bhuvana Bianca
Bijan Bilal Binh Birgit Bishnu Bjorn Blanca Blanche Bo Bogdan Bogdana Boguslaw Bohumil Bojan Bola
Bolin Bolormaa Bopha Bora Boris Boubacar Bozena Branka Brian Bridget Brigitta Brigitte Britta
Bronwen Bruno Budi Bukola Burak Busisiwe Caetano Caitlin Camille Carla Carlos Carlotta Carmen
Caroline Catalina Catherine Celeste Cem Cemile Chai Chaim Chaltu Chamari Chanchai Chandra
Changming Chantal Chanthou Charles Charlotte Chau Chayton Chebet Cheikh Chiara Chidi Chinedu
Chioma Chipo Chiyo Christa Christine Christos Chukwuma Chun Cian Citlali Claire Clara Clemence
Clement Colette Conceicao Conor Consuelo Corina Corinne Cormac Cornelis Cosimo Cosmin Coumba
Cristina Csaba Cuauhtemoc Cuong Cvetko Cyrus Czeslaw Dagmar Dagny Dainis Daisuke Daiyu Dakota
Dalia Dalisay Dalit Damien Dana Danica Daniel Danuta Dao Dara Daria Darius Dato Datu David Davide
Dawa Dawit Debjani Deborah Deepa Deepak Defne Deirdre Dejan Delphine Denis Deniz Desislava Despina
Desta Devika Dewi Dezso Dian Diana Didier Diego Diep Dieter Dietrich Dilini Dilys Dimitar Dimitris
Dinesh Dirk Divya Djibril Dmitri Doina Dolores Dominique Donatella Dongmin Dorje Dorota Dorothy
Dov Dragan Drita Duangjai Duarte Dumisani Duncan Dung Dusan Dylan Eamon Ebba Ebele Edgar Edith
Edmund Eduardo Edward Eero Eeva Efosa Efua Egle Eileen Eino Eirik Eitan Eka Ekaterina Eleanor
Elena Eleni Eli Eliezer Elif Elin Elisa Elisheva Eliska Elizabeth Elizaveta Elke Ella Ellen Elodie
Elsa Elu Elvira Elzbieta Emanuele Emeka Emi Emil Emile Emilio Emily Emine Emma Emre Endang
Enkhjargal Enrique Enzo Ephraim Eric Erik Erika Ernst Erzsebet Esi Esperanza Esra Esteban Estelle
Esther Ethel Etienne Euan Eugenia Eunji Eva Evangelia Evelyn Evgenia Ewa Fabien Fabio Fabrice Fadi
Fadumo Faisal Faith Fang Farah Farai Fares Farhad Farhana Farid Farideh Fatima Fatma Fatmir Fatou
Federica Felicity Felipe Femi Femke Feng Ferenc Fergus Feridun Fernanda Fernando Filipa Filippo
Fiona Fitri Flavia Flora Florence Florian Florin Floris Folake Frances Francesca Francis Francoise
Frank Frantisek Franz Frederick Freja Frida Friedrich Fritz Fumiko Fyodor Gabor Gabriel Gaia
Galina Ganesh Gareth Gaston Gauri Gayane Gbenga Gede Genet Genevieve Geoffrey Georg George Georgi
Georgios Gerald Gerda Gerel Gerhard Gerrit Gertrud Gethin Ghada Giang Gianluca Gideon Gilbert Gino
Gintaras Giorgi Giorgia Giovanni Girma Gisela Gita Giulia Giuseppe Gloria Golnaz Goncalo Gonzalo
Gopal Goran Gordana Grace Graciela Graham Greta Grigori Grzegorz Guadalupe Guang Gudrun Guillaume
Gulay Gulnara Gunhild Gunnar Gunther Gurpreet Gwen Gyorgy Ha Hadassah Hafiz Hai Haile Hakan Hakon
Hala Halil Halima Halina Halona Halvard Hamid Hana Hanan Haneul Hanh Hanka Hanna Hannah Hans
Haoran Harish Harjit Harold Harriet Harry Haruka Haruki Hasan Hasmik Hassan Hatice Hazel Haziq
Hedwig Heidi Heikki Heinrich Helen Helene Helga Helmi Helmut Hemi Hendra Hendrik Henri Henrique
Henry Herbert Hermann Hery Hideo Hien Hikaru Hilary Hilde Hilma Hinata Hinemoa Hiroko Hiroshi
Hirut Hisashi Hisham Hla Hoa Hoang Hodan Hohepa Homa Hong Hope Hovhannes Howard Hua Huda Hugh Hugo
Hung Huong Hussein Hyejin Hyunwoo Ian Ibrahim Ibrahima Ida Idil Ife Ifeoma Ignacio Igor Ikenna
Ilan Ilango Ileana Illari Ilmari Ilona Ilse Ilze Iman Imani Imre Indah Indira Indra Ines Inge
Ingeborg Ingrid Intan Inti Inunnguaq Ioanna Iolana Ion Iona Ionela Iracema Irene Irina Irmgard
Isaac Isabel Isabela Isagani Isha Ismail Istvan Itzel Ivalu Ivan Ivana Ivar Ivo Ivy Ixchel Izel
Izumi Jaap Jabari Jaci Jacinta Jack Jacob Jacques Jadwiga Jaime Jaleh Jamal James Jamila Jan Jane
Janet Janos Janusz Jarmila Jaroslav Jasper Jaspreet Javad Javier Jaya Jean Jeanne Jelena Jennifer
Jens Jeroen Jerome Jerzy Jessica Jiahao Jian Jiayi Jiho Jimin Jing Jiri Jisoo Jitka Jiwoo Joan
Joana Joao Joaquin Jochen Johann Johanna John Joko Jonas Jonathan Joost Jorge Jorgen Jose Joseph
Josephine Jovan Joyce Jozsef Juan Juana Judit Judith Juhani Jukka Julia Julian Juliette Juma Jun
Junho Junko Jurgen Jurgis Kaarina Kabir Kachina Kadek Kagiso Kahu Kai Kailani Kaisa Kaito Kalani
Kalevi Kalina Kalliope Kalman Kalyani Kamal Kamala Kamau Kamila Kamon Kanat Kannan Kanya Kaori
Karan Karim Karin Karine Karl Kasia Kaspars Katalin Katarina Katerina Katharine Katina Katrijn
Katrin Katsumi Kaveh Kavita Kaya Kazimierz Kazuko Kazuo Keanu Kebede Kehinde Keiko Keith Kele
Kelechi Kelsang Kemal Kenji Kenneth Kenta Keola Kerstin Ketevan Ketut Khadija Khalid Khalil Khanh
Khin Khosrow Kien Kieran Killa Kimiko Kipchoge Kiprop Kiran Kirill Kirsten Kishore Klara Klaus
Knut Kofi Koji Kojo Konrad Konstantin Kostas Krasimir Krishna Krystyna Krzysztof Ksenia Kudzai
Kulwant Kumaran Kumari Kumiko Kwabena Kwaku Kwame Kwasi Kyaw Kyriakos Kyungsoo Lachlan Ladislav
Lagi Laila Laima Lakshmi Lalao Laleh Lali Lalita Lam Lan Larisa Lars Lasantha Laszlo Latifa Laura
Laurence Lauri Lautaro Lawan Layth Lea Leela Leena Lei Leif Leilani Lemlem Lena Lenka Leon Leonard
Leonid Leonidas Leonor Lerato Lestari Leszek Leticia Lev Levi Levon Lewis Leyla Lhamo Liam Lian
Libuse Lieke Liesel Ligaya Lihua Lily Lin Lina Lindiwe Ling Linh Linnea Liv Liviu Liwei Loan Lola
Long Lorenzo Lotte Louisa Lourdes Luc Luca Lucia Lucien Lucy Ludmila Ludwig Luis Luisa Luka Lukas
Lule Luningning Lydia Lyubov Maarten Mabel Made Madeleine Madhuri Madina Maeve Magda Magdalena
Magdolna Magnus Mahesh Mahin Mahina Mahmoud Mahpiya Mai Maja Majid Makena Makisig Makoa Makoto
Malar Malati Malcolm Malgorzata Mali Malia Malik Malka Mamadou Mamoru Mandana Mandla Manish Manjit
Manoj Manon Manuel Marc Marcel Marcello Marek Margaret Margarida Margherita Margot Maria Mariam
Marieke Mariko Marina Marion Marisol Marius Marjatta Mark Marlene Marta Martha Martin Marton
Marwan Mary Masako Masao Massimo Mateo Mathias Mathilda Mathilde Matilda Matteo Matthew Matthias
Matyas Maurice Maxim Maxime Mayumi Meena Meera Megan Megumi Mehmet Mehrdad Mei Meiling Menachem
Meral Mercedes Mere Mette Michael Michele Michiko Midori Miguel Mihai Mihailo Mijin Mikaere
Mikhail Mikkel Mikko Miklos Milan Mildred Milena Milica Milos Mina Ming Mingyu Minh Minho Minik
Minji Minjun Minoru Mircea Mireille Miriam Mirjana Miroslaw Misaki Mitali Mitsuko Moacir Mohan
Moira Molly Mona Monica Monika Monique Morag Moritz Moshe Moussa Muhammad Mukesh Mulu Murat
Murugan Mustafa Muthoni Mwangi Mya Nabil Nadezhda Nadia Nahuel Nairi Nalani Naliaka Nana Nancy
Nanda Nandi Nanuq Naoki Naomi Naran Narek Nasrin Nasser Natalia Nathalie Nathan Nattapong Naveen
Navid Nayeli Nazim Ndeye Neha Neil Nemanja Nenad Neo Nevena Nga Ngaio Ngoc Ngozi Nguyet Nhung
Niamh Nicholas Nicola Nigel Nikau Nikhil Nikita Nikolai Nikos Nila Nilar Niloufar Nils Nimal Nina
Ning Nino Niran Nirmala Nisha Nita Nivi Njeri Nkechi Nnamdi Noam Noboru Noelani Noemie Nokosi
Nomsa Nong Noor Nora Noriko Ntombi Nuala Nuno Nur Nuria Nurlan Nurul Nyambura Nyoman Obinna
Ochieng Octavian Odette Odhiambo Oili Oksana Olaf Oleg Olga Oliver Olivia Oluchi Olumide Omar Omer
Ondrej Orhan Orla Ornella Osamu Oscar Oskari Osman Otieno Otto Oumar Ousmane Owen Oyuun Paavo
Pablo Padma Padraig Palesa Paloma Panagiotis Paola Paolo Paraskevi Parisa Parminder Parvin Pasang
Pascal Patricia Patrick Paul Pauline Paulo Pavel Pawel Pedro Pekka Pema Penda Penelope Peng Pensri
Per Petar Peter Petra Phichit Philip Philippe Phuong Phyllis Pierre Pieter Pietro Pilar Pinar Ping
Piotr Pipaluk Piroska Plamen Polina Pooja Poul Prakash Pranav Prasad Prasert Priya Prudence Putri
Putu Pyotr Qasim Qiang Qing Qori Quang Quentin Quyen Quynh Rabia Rachel Radek Radha Rado Radoslaw
Radovan Radu Rafael Raffaella Rafiq Ragnar Rahul Rainer Raisa Raj Rajesh Rakesh Ralph Ramesh Ramon
Rangi Rania Raoul Rashid Rasmus Ratana Ratna Ravi Rayen Raymond Rebecca Rehema Reiko Rekha Remi
Renata Renate Renee Rethabile Rewi Reza Rhiannon Rhys Ricardo Richard Rima Rin Rini Rith Ritu
Ritva Rivka Robert Roberto Robin Rocio Rodrigo Roelof Roger Rohan Rohini Roisin Rolf Roman Ronald
Ronan Rong Rory Rosa Rosalia Rosalind Rosanna Rose Rosemary Rostam Roya Rudo Rudolf Rui Rumen Rune
Ruolan Rupert Rustam Ruta Ruth Ruven Ruvimbo Ruwan Ryo Ryota Sabine Sachiko Sachin Sade Safiya
Sahale Sahar Said Sakda Sakura Salim Salma Salvador Salvatore Sami Samir Samira Samuel Sana Sanath
Sandor Sandrine Sangmin Sanjay Sanna Santiago Sarah Sari Sarita Saskia Satoshi Saule Saulius
Savitri Sayuri Seamus Sean Sebastian Seema Segun Sekou Selam Selim Selvi Semyon Senthil Seojun
Seoyeon Seppo Serena Sergei Sergio Setsuko Seungho Sevgi Seydou Shahin Shai Shan Shanti Shaoqi
Sheila Shigeru Shinji Shira Shirin Shlomo Shoshana Shota Shpresa Shu Shyam Siavash Sibel Sibusiso
Signe Sigrid Sigurd Silas Silvia Silviu Simon Simona Simone Simran Sina Sinan Sinead Siphiwe Sipho
Siranush Siri Siriporn Sita Siti Sjoerd Slamet Slavica Slobodan Sneha Snezana Sofia Sohrab Solange
Soledad Solveig Somchai Somsak Son Sonam Sonja Soojin Sopheap Sophia Sora Soraya Soren Sorin
Souleymane Sourav Sovann Spyros Srdjan Sri Stanislaw Stavros Stefan Stefano Stella Stepan Stephen
Stoyan Subhash Subira Suda Suharti Sujin Sukhbaatar Sukumar Sulastri Suleyman Sumaq Sumiko Sunee
Sunghee Sunil Sunita Suresh Suri Surya Susan Sushila Susumu Svea Sven Svetlana Sylvain Sylvia
Synnove Tadashi Tadesse Tadeusz Taeyang Tafadzwa Tahir Taina Taiwo Takashi Takeshi Takoda Tala
Talal Tali Tallulah Tam Tamar Tamara Tamati Tamiko Tamil Tandi Tane Tapan Tapio Tara Taras Tarik
Tariq Tashi Tatenda Tatiana Tatsuya Taufik Tavita Tayen Tegan Temitope Temur Tendai Tenoch Tenzin
Teodor Teresa Tesfaye Teuila Teuta Thabo Thaksin Thalia Thandiwe Thangam Thanh Thant Thao Themba
Theo Theodora Theodore Theresa Thi Thiago Thida Thierry Thomas Thora Thorsten Thuy Tibor Tien
Tigist Tigran Timo Timofei Timothy Timur Ting Tobias Todor Toivo Tomas Tommaso Tomoko Tonatiuh
Torbjorn Toshio Tove Traian Trang Traudl Tri Trude Trung Tsehay Tsering Tshepo Tsubasa Tuan Tui
Tunde Tuomas Tuulikki Tuya Tuyet Ubirajara Uche Udo Ulf Ulku Ulrich Ulrike Uma Umberto Umeko Una
Uri Urpi Ursula Urszula Usha Uwe Vaclav Vahan Vaino Vakhtang Valdis Valentin Valentina Valentine
Valerie Valli Van Vanna Varun Varvara Vasant Vasco Vasilis Vasily Veikko Vera Veronique Vesna
Victor Victoria Vidya Vijay Vikram Vincent Vinh Vinod Violet Viorica Vishal Vittoria Vivian
Vladimir Vlasta Voahangy Volker Vuk Vusi Vytautas Wafa Wahyu Walid Walter Waltraud Waman Wambui
Wanda Wanjiru Wati Wayan Wayra Wei Weimin Wen Werner Wichai Widodo Wieslaw Wilfred Wilhelm William
Winifred Winona Wiremu Wojciech Wolfgang Woojin Worku Wouter Xavier Xenia Xia Xiaobo Xiaoling
Ximei Ximena Xin Xiulan Xochitl Xuan Xue Yaa Yacine Yael Yahya Yan Yana Yang Yangchen Yannis Yanti
Yara Yaretzi Yaroslav Yasemin Yash Yasir Yasmin Yasuko Yatzil Yaw Yegor Yejin Yelena Yen Yeonjun
Yetunde Yifan Ying Yitzhak Ylva Yoko Yolanda Yonas Yong Yordanka Yoshiko Younes Youngho Yubin Yudi
Yui Yuki Yuma Yumi Yun Yuna Yuri Yusuf Yusuke Yves Yvonne Zahra Zaid Zainab Zane Zanele Zarina Zaw
Zawadi Zaza Zbigniew Zdenek Zemin Zeynep Zhen Zhiqiang Ziad Zinaida Ziva Zixuan Zlata Zodwa Zoe
Zofia Zoltan Zoran Zoya Zsofia Zsuzsa Zubair Zulkifli Zuri
"""
