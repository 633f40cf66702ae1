import os
import warnings

import numpy as np
import pytest

import rushlight as rl
from rushlight.core.errors import DataError, FormatError, UsageError
from rushlight.data import DataLoader
from rushlight.data.folders import image_folder, image_items, text_folder
from rushlight.formats.png import write_png

random = np.random.default_rng(0)


def texts(folder, **classes):
    for name, given in classes.items():
        (folder / name).mkdir()
        for file, text in given.items():
            (folder / name / file).write_bytes(text if isinstance(text, bytes) else text.encode())
    return folder


def pictures(folder, size=(6, 8), channels=3, names=("dog", "cat"), each=3):
    made = {}
    for name in names:
        (folder / name).mkdir()
        for number in range(each):
            pixels = random.integers(0, 256, (*size, channels), dtype=np.uint8)
            write_png(folder / name / f"{number}.png", pixels)
            made[name, number] = pixels
    return made


def test_texts_come_in_the_order_of_names_with_their_classes(tmp_path):
    folder = texts(
        tmp_path,
        spam={"b.txt": "two", "a.TXT": "one\r\nline"},
        ham={"10.txt": "three", "9.txt": "four", "readme.md": "-", ".hidden.txt": "-"},
    )
    (folder / "notes.txt").write_text("a file beside the classes")
    (folder / ".git").mkdir()
    found = text_folder(folder)
    assert found.texts == ["three", "four", "one\nline", "two"]
    assert found.labels.tolist() == [0, 0, 1, 1]
    assert found.names == ("ham", "spam")


def test_texts_of_another_encoding_are_refused_unless_it_is_named(tmp_path):
    folder = texts(tmp_path, a={"1.txt": "ok\nna\xefve".encode("latin-1")})
    assert text_folder(folder, encoding="latin-1").texts == ["ok\nna\xefve"]
    with pytest.raises(FormatError, match=r"1\.txt: line 2 is not utf-8 text \(at byte 5\)"):
        text_folder(folder)


def test_pictures_become_bytes_by_channels(tmp_path):
    made = pictures(tmp_path)
    dataset = image_folder(tmp_path)
    pixels, labels = dataset.arrays
    assert (pixels.dtype, pixels.shape) == (np.uint8, (6, 3, 6, 8))
    assert labels.tolist() == [0, 0, 0, 1, 1, 1]
    assert dataset.labels == ("cat", "dog")
    np.testing.assert_array_equal(pixels[4], made["dog", 1].transpose(2, 0, 1))


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_grey_and_transparent_pictures_are_converted(tmp_path, channels):
    made = pictures(tmp_path, channels=channels, names=["a"], each=1)["a", 0].astype(float)
    if channels in (2, 4):
        opacity = made[..., -1:] / 255
        made = np.rint(made[..., :-1] * opacity + 255 * (1 - opacity))
    colours = image_folder(tmp_path).arrays[0][0].transpose(1, 2, 0).astype(float)
    grey = image_folder(tmp_path, channels=1).arrays[0][0, 0].astype(float)
    np.testing.assert_allclose(colours, np.broadcast_to(made, (6, 8, 3)), atol=1)
    wanted = made @ [0.299, 0.587, 0.114] if made.shape[2] == 3 else made[..., 0]
    np.testing.assert_allclose(grey, wanted, atol=1)


def test_pictures_are_scaled_by_averaging(tmp_path):
    made = pictures(tmp_path, size=(8, 12), names=["a"], each=1)["a", 0]
    halved = image_folder(tmp_path, size=(4, 6)).arrays[0][0]
    wanted = made.reshape(4, 2, 6, 2, 3).mean(axis=(1, 3)).transpose(2, 0, 1)
    np.testing.assert_allclose(halved, wanted, atol=0.51)
    doubled = image_folder(tmp_path, size=(16, 24)).arrays[0][0]
    np.testing.assert_array_equal(doubled[:, ::2, ::2], made.transpose(2, 0, 1))
    assert image_folder(tmp_path, size=5).arrays[0].shape == (1, 3, 5, 5)


def test_pictures_of_other_kinds_are_read_with_pillow(tmp_path):
    image = pytest.importorskip("PIL.Image", reason="pillow is not installed")
    (tmp_path / "a").mkdir()
    image.new("RGB", (4, 3), (200, 100, 50)).save(tmp_path / "a" / "1.bmp")
    pixels = image_folder(tmp_path).arrays[0]
    assert pixels.shape == (1, 3, 3, 4)
    assert pixels[0, :, 0, 0].tolist() == [200, 100, 50]


def test_pictures_are_read_with_pillow_in_several_threads(tmp_path):
    image = pytest.importorskip("PIL.Image", reason="pillow is not installed")
    (tmp_path / "a").mkdir()
    for number in range(40):
        picture = image.new("RGB", (8, 8), (number, 2 * number, 3 * number))
        picture.save(tmp_path / "a" / f"{number:02}.bmp")
    before = list(warnings.filters)
    loader = DataLoader(image_items(tmp_path, size=8), 2, prefetch=8)
    pixels = np.concatenate([batch[0].numpy() for batch in loader])
    assert pixels[:, 1, 4, 4].tolist() == [2 * number for number in range(40)]
    assert warnings.filters == before


def test_pictures_of_differing_sizes_are_refused_and_both_named(tmp_path):
    pictures(tmp_path, names=["a"])
    pictures(tmp_path, names=["b"], size=(5, 5))
    with pytest.raises(DataError, match=r"b.0\.png: 5x5 pixels, but .*a.0\.png has 6x8") as caught:
        image_folder(tmp_path)
    assert caught.value.hint == "size=(height, width) scales all of them"


def test_pictures_can_be_read_when_they_are_asked_for(tmp_path):
    pictures(tmp_path)
    items = image_items(tmp_path, size=4)
    dataset = image_folder(tmp_path, size=4)
    assert items.labels == dataset.labels
    for mine, other in zip(
        DataLoader(items, 4, shuffle=True, prefetch=2),
        DataLoader(dataset, 4, shuffle=True),
        strict=True,
    ):
        for left, right in zip(mine, other, strict=True):
            np.testing.assert_array_equal(left.numpy(), right.numpy())
            assert left.dtype is right.dtype


def test_a_folder_of_pictures_can_be_trained_on(tmp_path):
    pictures(tmp_path)

    def prepare(pixels, labels):
        return pixels.reshape(len(pixels), 48) * (1 / 255), labels

    model = rl.nn.Linear(48, 2)
    history = rl.fit(
        model,
        DataLoader(image_folder(tmp_path, size=4), 2, prepare=prepare),
        loss=rl.nn.functional.cross_entropy,
        optimizer=rl.optim.SGD(model.parameters(), lr=0.1),
        epochs=30,
        progress=False,
    )
    assert history.last.loss < history[0].loss


@pytest.mark.parametrize("content", [b"", b"no picture", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff\xe0"])
def test_a_broken_picture_is_named(tmp_path, content):
    pictures(tmp_path)
    (tmp_path / "dog" / "7.png").write_bytes(content)
    with pytest.raises((FormatError, UsageError), match=r"dog.7\.png"):
        image_folder(tmp_path)


def test_a_cut_picture_is_named(tmp_path):
    pictures(tmp_path)
    path = tmp_path / "dog" / "1.png"
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(FormatError, match=r"dog.1\.png"):
        image_folder(tmp_path)


def test_a_folder_in_the_place_of_a_file_is_named(tmp_path):
    pictures(tmp_path)
    (tmp_path / "dog" / "2.png").unlink()
    (tmp_path / "dog" / "2.png").mkdir()
    with pytest.raises(FormatError, match=r"dog.2\.png: is a directory"):
        image_folder(tmp_path)
    folder = texts(tmp_path, ham={})
    (folder / "ham" / "1.txt").mkdir()
    with pytest.raises(DataError):
        text_folder(tmp_path)


def test_folders_without_classes_or_files_are_refused(tmp_path):
    with pytest.raises(DataError, match="there are no folders of classes"):
        text_folder(tmp_path)
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match=r"empty: there are no files \*\.txt"):
        text_folder(tmp_path)
    with pytest.raises(DataError, match=r"empty: there are no files \*\.png, \*\.jpg"):
        image_folder(tmp_path)
    with pytest.raises(DataError, match="none: cannot be listed: no such file or directory"):
        image_folder(tmp_path / "none")
    (tmp_path / "file").write_text("x")
    with pytest.raises(DataError, match="file: cannot be listed: not a directory"):
        text_folder(tmp_path / "file")


@pytest.mark.skipif(os.name != "posix", reason="symbolic links need rights elsewhere")
def test_links_in_circles_end_in_an_error_that_names_them(tmp_path):
    folder = texts(tmp_path, ham={"1.txt": "a"})
    loop = folder / "loop"
    loop.symlink_to(loop)
    with pytest.raises(DataError, match="loop: a link that leads nowhere"):
        text_folder(folder)
    loop.unlink()
    loop.symlink_to(folder)  # a class that holds its own parent: folders, but no texts
    with pytest.raises(DataError, match="loop: there are no files"):
        text_folder(folder)
    loop.unlink()
    (folder / "ham" / "2.txt").symlink_to(folder / "gone.txt")
    with pytest.raises(DataError, match=r"2\.txt: there is no such file"):
        text_folder(folder)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes")
def test_a_pipe_is_not_waited_for(tmp_path):
    pictures(tmp_path)
    os.mkfifo(tmp_path / "dog" / "8.png")
    with pytest.raises(FormatError, match=r"8\.png: is not a regular file"):
        image_folder(tmp_path)


@pytest.mark.parametrize("size", [0, -1, 2.5, (1,), (1, 2, 3), "28", (4, 70_000)])
def test_a_size_that_is_none_is_refused(tmp_path, size):
    with pytest.raises(UsageError, match="size is a height and a width in pixels"):
        image_folder(tmp_path, size=size)


def test_other_channels_are_refused(tmp_path):
    with pytest.raises(UsageError, match="channels are 1 or 3, not 4"):
        image_folder(tmp_path, channels=4)


def test_more_pictures_than_fit_the_memory_are_refused_before_they_are_read(tmp_path):
    pictures(tmp_path, each=1)
    with pytest.raises(DataError, match=r"2 pictures need [\d,]+ bytes of memory") as caught:
        image_folder(tmp_path, size=(40_000, 40_000))
    assert caught.value.hint == "image_items reads them when they are asked for"


@pytest.mark.parametrize("path", [5, None])
@pytest.mark.parametrize("read", [text_folder, image_folder])
def test_what_is_no_path_is_refused(read, path):
    with pytest.raises(UsageError, match="a path is a text or a Path"):
        read(path)
