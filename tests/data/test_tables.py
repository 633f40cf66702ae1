import numpy as np
import pytest

import rushlight as rl
from rushlight.core.errors import DataError, FormatError, UsageError
from rushlight.data.dataset import Dataset
from rushlight.data.tables import read_csv


@pytest.fixture
def csv(tmp_path):
    """Return a function that writes a file and gives its path."""

    def write(content, name="table.csv", encoding="utf-8"):
        path = tmp_path / name
        path.write_bytes(content.encode(encoding) if isinstance(content, str) else content)
        return path

    return write


def plain(columns):
    """Columns as lists, so that they can be compared; NaN as None."""
    values = {name: np.asarray(column).tolist() for name, column in columns.items()}
    return {k: [None if x != x else x for x in column] for k, column in values.items()}


def test_columns_get_the_dtype_of_what_is_in_them(csv):
    columns = read_csv(csv("name,age,height\nAda,36,1.65\nAlan,41,1e2\n"))
    assert plain(columns) == {"name": ["Ada", "Alan"], "age": [36, 41], "height": [1.65, 100.0]}
    assert isinstance(columns["name"], list)
    assert columns["age"].dtype == np.int64
    assert columns["height"].dtype == np.float64


@pytest.mark.parametrize(
    ("cells", "wanted"),
    [
        (["1", "-2", "+3"], np.array([1, -2, 3])),
        ([" 7 ", "007"], np.array([7, 7])),
        (["1.", ".5", "-1e-3"], np.array([1.0, 0.5, -0.001])),
        (["inf", "-Infinity"], np.array([np.inf, -np.inf])),
        (["1", "NA"], np.array([1.0, np.nan])),
        (["null", "2.5"], np.array([np.nan, 2.5])),
        (["1", "x"], ["1", "x"]),
        (["x", ""], ["x", ""]),
        (["", "NA"], ["", "NA"]),
        (["1_000", "2"], ["1_000", "2"]),
        (["\u0661", "2"], ["\u0661", "2"]),
        (["0x10", "1"], ["0x10", "1"]),
        (["99999999999999999999", "1"], ["99999999999999999999", "1"]),
        (["99999999999999999999", "1.5"], np.array([1e20, 1.5])),
        (["1" * 5000, "1"], ["1" * 5000, "1"]),
    ],
)
def test_a_column_is_of_numbers_only_if_each_cell_is_one(csv, cells, wanted):
    found = read_csv(csv("x,other\n" + "".join(f"{cell},y\n" for cell in cells)))["x"]
    if isinstance(wanted, list):
        assert found == wanted
    else:
        assert found.dtype == wanted.dtype
        np.testing.assert_array_equal(found, wanted)


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("a,b\n1,2\n", ["a", "b"]),
        ("a,b\nc,d\n", ["a", "b"]),
        ("1,2\n3,4\n", ["column_0", "column_1"]),
        ("a,2\nb,4\n", ["column_0", "column_1"]),
        ("a,\nb,4\n", ["column_0", "column_1"]),
        ("a,a\nb,c\n", ["column_0", "column_1"]),
    ],
)
def test_the_first_line_is_taken_for_names_if_it_looks_so(csv, text, names):
    assert list(read_csv(csv(text))) == names


def test_whether_there_are_names_can_be_said(csv):
    path = csv("ham,hello\nspam,win\n")
    assert plain(read_csv(path, header=False))["column_0"] == ["ham", "spam"]
    assert plain(read_csv(path, names=["label", "text"]))["label"] == ["ham", "spam"]
    assert plain(read_csv(path, names=["label", "text"], header=True))["label"] == ["spam"]


@pytest.mark.parametrize("delimiter", [",", ";", "|", "\t"])
def test_the_delimiter_is_found_in_the_first_line(csv, delimiter):
    text = f'a{delimiter}"b;,|\t;,|\t"\n1{delimiter}2,5\n'.replace(
        "2,5", "2.5" if delimiter == "," else "2,5"
    )
    columns = read_csv(csv(text))
    assert list(columns) == ["a", "b;,|\t;,|\t"]
    assert columns["a"].tolist() == [1]


def test_quoted_cells_hold_delimiters_lines_and_quotes(csv):
    path = csv('a,b\n1,"x, ""y""\nz"\n2,w\n')
    assert read_csv(path)["b"] == ['x, "y"\nz', "w"]


def test_without_quotes_a_quote_is_a_sign_as_others(csv):
    path = csv('label\ttext\nham\t"tis late\nspam\tsay "yes"\n', "table.tsv")
    assert read_csv(path, quotes=None)["text"] == ['"tis late', 'say "yes"']


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_lines_may_end_in_any_way_and_be_empty(csv, end):
    assert plain(read_csv(csv(f"a{end}{end}1{end}2"))) == {"a": [1, 2]}


def test_a_byte_order_mark_is_no_part_of_a_name(csv):
    assert list(read_csv(csv("\ufeffa,b\n1,2\n"))) == ["a", "b"]


def test_other_encodings_are_read_when_named(csv):
    path = csv("word\ncafé\n", encoding="latin-1")
    assert read_csv(path, encoding="latin-1")["word"] == ["café"]
    with pytest.raises(FormatError, match=r"line 2 is not utf-8 text \(at byte 8\)"):
        read_csv(path)


def test_missing_numbers_are_kept_dropped_or_refused(csv):
    path = csv("a,b,c\n1,x,\n2,,5\n,z,6\n")
    assert plain(read_csv(path)) == {
        "a": [1.0, 2.0, None],
        "b": ["x", "", "z"],
        "c": [None, 5.0, 6.0],
    }
    assert plain(read_csv(path, missing="drop")) == {"a": [2.0], "b": [""], "c": [5.0]}
    with pytest.raises(DataError, match="line 4 has no number in column 'a', as 1 of 3 rows"):
        read_csv(path, missing="refuse")
    with pytest.raises(DataError, match="each row has a number missing"):
        read_csv(csv("a,b\n1,\n,2\n"), missing="drop")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "the file is empty"),
        ("\n\n", "the file is empty"),
        ("a,b\n", "there are names of columns, but no rows"),
        ("a,b\n1,2\n3\n", "line 3 has 1 cells, the first has 2"),
        ('a,b\n1,"x\ny"\n3\n', "line 4 has 1 cells, the first has 2"),
        ('a,b\n1,"open\n2,3\n', "line 2 cannot be read: unexpected end of data"),
        ('a,b\n1,"x"y\n', "line 2 cannot be read: ',' expected after"),
        ("a\n" + "x" * 200_000 + "\n", "line 2 cannot be read: field larger than field limit"),
        (b"a,b\n1,\xff\n", "line 2 is not utf-8 text"),
        (b"\xff\xfea\0", "line 1 is not utf-8 text"),
        (b"\x89PNG\r\n\x1a\n\0\0\0\r", "line 1 is not utf-8 text"),
    ],
)
def test_a_broken_file_is_named_with_the_line(csv, content, message):
    with pytest.raises(FormatError, match=message) as caught:
        read_csv(csv(content))
    assert "table.csv" in str(caught.value)


def test_names_that_are_alike_are_refused_where_the_first_line_must_have_them(csv):
    with pytest.raises(FormatError, match="two columns are called 'a'"):
        read_csv(csv("a,a\n1,2\n"), header=True)


def test_what_is_no_file_is_refused(tmp_path):
    for path, message in [(tmp_path, "is a directory"), (tmp_path / "none", "cannot be opened")]:
        with pytest.raises(FormatError, match=message):
            read_csv(path)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"delimiter": ""}, "delimiter is one sign, not ''"),
        ({"delimiter": "\n"}, "delimiter ends no line"),
        ({"delimiter": '"'}, "cannot be both delimiter and quotes"),
        ({"quotes": "''"}, "quotes is one sign"),
        ({"encoding": "klingon"}, "there is no encoding 'klingon'"),
        ({"encoding": "zip_codec"}, "there is no encoding 'zip_codec'"),
        ({"names": ["a"]}, "1 names for 2 columns"),
        ({"names": ["a", 1]}, "names are texts"),
        ({"missing": "zero"}, "missing is one of refuse, drop, nan, not 'zero'"),
    ],
)
def test_wrong_options_are_refused(csv, options, message):
    with pytest.raises(UsageError, match=message):
        read_csv(csv("a,b\n1,2\n"), **options)


FLOWERS = "width,height,kind\n1,2.5,rose\n3,4.5,daisy\n5,6.5,rose\n"


def test_a_data_set_of_columns_has_classes_with_names(csv):
    dataset = Dataset.from_csv(csv(FLOWERS), inputs=["height", "width"], label="kind")
    inputs, labels = dataset.arrays
    np.testing.assert_array_equal(inputs, np.float32([[2.5, 1], [4.5, 3], [6.5, 5]]))
    assert inputs.dtype == np.float32
    assert labels.tolist() == [1, 0, 1]
    assert dataset.labels == ("daisy", "rose")


def test_all_other_columns_are_the_inputs_unless_they_are_named(csv):
    assert Dataset.from_csv(csv(FLOWERS), label="kind").arrays[0].shape == (3, 2)
    assert Dataset.from_csv(csv(FLOWERS), inputs="width", label="kind").arrays[0].shape == (3, 1)
    assert len(Dataset.from_csv(csv("a\n1\n2\n")).arrays) == 1


def test_labels_that_are_known_keep_their_numbers(csv):
    path = csv("width,kind\n1,rose\n")
    dataset = Dataset.from_csv(path, label="kind", labels=["daisy", "rose", "tulip"])
    assert dataset.arrays[1].tolist() == [1]
    assert dataset.labels == ("daisy", "rose", "tulip")
    with pytest.raises(DataError, match="line 2 has a label 'rose' that is not known"):
        Dataset.from_csv(path, label="kind", labels=["daisy", "roses"])


def test_ints_stay_classes_and_other_numbers_become_columns(csv):
    path = csv("x,class,price\n1,2,3.5\n4,0,6.5\n")
    assert Dataset.from_csv(path, "x", "class").arrays[1].tolist() == [2, 0]
    price = Dataset.from_csv(path, "x", "price").arrays[1]
    np.testing.assert_array_equal(price, np.float32([[3.5], [6.5]]))
    both = Dataset.from_csv(path, "x", ["class", "price"]).arrays[1]
    np.testing.assert_array_equal(both, np.float32([[2, 3.5], [0, 6.5]]))


@pytest.mark.parametrize(
    ("text", "options", "kind", "message"),
    [
        (FLOWERS, {"inputs": "kind"}, DataError, "column 'kind' is text: 'rose' in line 2"),
        ("a,b\n1,1\n2,x\n", {}, DataError, "column 'b' is text: 'x' in line 3"),
        (FLOWERS, {"inputs": "widht"}, UsageError, "there is no column 'widht'"),
        (FLOWERS, {"label": "kin"}, UsageError, "there is no column 'kin'"),
        ("a,k\n,x\n", {"label": "k"}, DataError, "is text"),
        ("a,k\n,x\n1,y\n", {"label": "k"}, DataError, "line 2 has no number in column 'a'"),
        ("k\nx\n", {"label": "k"}, UsageError, "no columns are left for inputs"),
    ],
)
def test_columns_that_are_no_inputs_are_refused(csv, text, options, kind, message):
    with pytest.raises(kind, match=message):
        Dataset.from_csv(csv(text), **options)


def test_rows_with_missing_numbers_can_be_dropped(csv):
    path = csv("a,unused,k\n1,,x\n,2,y\n3,4,y\n")
    dataset = Dataset.from_csv(path, inputs="a", label="k", missing="drop")
    assert dataset.arrays[0].tolist() == [[1.0], [3.0]]
    assert dataset.arrays[1].tolist() == [0, 1]


def test_a_csv_file_can_be_trained_on(csv):
    rows = "".join(f"{x / 10},{2 * x / 10 + 1}\n" for x in range(20))
    dataset = Dataset.from_csv(csv("x,y\n" + rows), label="y")
    model = rl.nn.Linear(1, 1)
    history = rl.fit(
        model,
        dataset,
        loss=rl.nn.functional.mse_loss,
        optimizer=rl.optim.SGD(model.parameters(), lr=0.1),
        epochs=200,
        progress=False,
    )
    assert history.last.loss < 1e-2


def test_a_polars_frame_makes_a_data_set():
    polars = pytest.importorskip("polars", reason="polars is not installed")
    frame = polars.DataFrame(
        {"a": [1, 2, 3], "b": [0.5, 1.5, 2.5], "kind": ["x", "y", "x"], "flag": [True, False, True]}
    )
    dataset = Dataset.from_frame(frame, inputs=["a", "b", "flag"], label="kind")
    np.testing.assert_array_equal(
        dataset.arrays[0], np.float32([[1, 0.5, 1], [2, 1.5, 0], [3, 2.5, 1]])
    )
    assert dataset.arrays[1].tolist() == [0, 1, 0]
    assert dataset.labels == ("x", "y")
    with pytest.raises(UsageError, match="a lazy frame has no rows yet"):
        Dataset.from_frame(frame.lazy())


def test_what_is_missing_in_a_polars_frame_is_named():
    polars = pytest.importorskip("polars", reason="polars is not installed")
    frame = polars.DataFrame({"a": [1, None, 3], "kind": ["x", "y", None]})
    with pytest.raises(DataError, match="the frame: row 1 has no number in column 'a'"):
        Dataset.from_frame(frame.head(2), label="kind")
    assert len(Dataset.from_frame(frame.head(2), label="kind", missing="drop")) == 1
    with pytest.raises(DataError, match="column 'kind' is neither of numbers nor of texts: None"):
        Dataset.from_frame(frame, label="kind")


def test_a_long_run_of_digits_that_ends_in_a_letter_is_text_at_once(csv):
    """Which the expression for numbers once tried to divide in all ways: 8 billion of them."""
    cell = "1" * 130_000 + "x"
    assert read_csv(csv(f"a,b\n{cell},2\n"))["a"] == [cell]


def test_one_name_that_comes_twice_is_found_among_very_many(csv):
    names = [*map(str, range(100_000)), "twice", "twice"]
    path = csv(",".join(names) + "\n" + ",".join("1" for _ in names))
    with pytest.raises(FormatError, match="two columns are called 'twice'"):
        read_csv(path, header=True)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"inputs": 0}, "inputs are texts, not 0"),
        ({"inputs": []}, r"inputs are texts, not \[\]"),
        ({"label": 0}, "names of label are texts, not 0"),
        ({"label": []}, r"names of label are texts, not \[\]"),
        ({"label": "b", "labels": [1, 2]}, r"labels are texts, not \[1, 2\]"),
        ({"names": 5}, "names are texts, not 5"),
        ({"encoding": "utf\0"}, "there is no encoding"),
    ],
)
def test_arguments_of_other_kinds_are_refused(csv, options, message):
    with pytest.raises(UsageError, match=message):
        Dataset.from_csv(csv("a,b\n1,2\n"), **options)


def test_a_number_that_float32_cannot_hold_is_refused_and_infinity_is_not(csv):
    with pytest.raises(DataError, match="column 'a' has 1e\\+39 in line 3, which float32"):
        Dataset.from_csv(csv("a,b\n1,2\n1e39,3\n"))
    np.testing.assert_array_equal(Dataset.from_csv(csv("a\ninf\n")).arrays[0], [[np.inf]])


class Series:
    """A column that knows how to become an array, as those of many libraries do."""

    def __init__(self, values):
        self.values = values

    def to_numpy(self):
        return np.array(self.values)


class Frame(dict):
    columns = ("a", "b")


def test_any_frame_with_columns_like_that_will_do():
    frame = Frame(a=Series([1, 2]), b=Series(["x", "y"]))
    assert Dataset.from_frame(frame, label="b").labels == ("x", "y")


@pytest.mark.parametrize(
    ("frame", "kind", "message"),
    [
        ([1, 2], UsageError, "a frame has columns, a list has none"),
        ({}, DataError, "the frame is empty"),
        ({"a": []}, DataError, "the frame is empty"),
        ({"a": [1, 2], "b": [1]}, DataError, "the columns differ in length"),
        ({"a": [[1, 2]]}, DataError, r"column 'a' has shape \(1, 2\)"),
        ({"a": [[1, 2], [3]]}, DataError, "column 'a' has lists of differing lengths"),
        ({"a": [None, 1]}, DataError, "column 'a' is neither of numbers nor of texts: None"),
        ({"a": ["x"]}, DataError, "column 'a' is text: 'x' in row 0"),
    ],
)
def test_what_is_no_frame_of_numbers_is_refused(frame, kind, message):
    with pytest.raises(kind, match=message):
        Dataset.from_frame(frame)


def test_names_of_classes_without_a_column_of_them_are_refused(csv):
    with pytest.raises(
        UsageError, match=r"no column is the label\n  hint: label= names that column"
    ):
        Dataset.from_csv(csv("a,b\n1,2\n"), labels="b")
