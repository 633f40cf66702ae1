"""TensorBoard's event files: the bytes that tensorboardX writes, and that its protos read."""

import struct

import numpy as np
import pytest

import rushlight as rl
from rushlight.formats import tfevents

# RFC 3720, appendix B.4
CHECKSUMS = [
    (bytes(32), 0x8A9136AA),
    (bytes([0xFF] * 32), 0x62A8AB43),
    (bytes(range(32)), 0x46DD794E),
    (bytes(range(31, -1, -1)), 0x113FDB5C),
    (b"", 0),
]


@pytest.mark.parametrize(("data", "wanted"), CHECKSUMS)
def test_checksums_are_those_of_the_standard(data, wanted):
    assert tfevents.crc32c(data) == wanted


def test_records_are_read_as_they_were_written(tmp_path):
    path = tmp_path / "events"
    data = [b"", b"a", bytes(1000)]
    path.write_bytes(b"".join(map(tfevents.record, data)))
    assert tfevents.read_records(path) == data


@pytest.mark.parametrize("place", range(0, 21))
def test_a_bit_that_flips_anywhere_is_noticed(tmp_path, place):
    path = tmp_path / "events"
    content = bytearray(tfevents.record(b"12345"))
    content[place] ^= 1
    path.write_bytes(content)
    with pytest.raises(rl.FormatError, match=r"checksum of a record is wrong|cut short"):
        tfevents.read_records(path)


@pytest.mark.parametrize("length", [1, 8, 12, 20])
def test_a_record_that_is_cut_short_is_named(tmp_path, length):
    path = tmp_path / "events"
    path.write_bytes(tfevents.record(b"whole") + tfevents.record(b"12345")[:length])
    with pytest.raises(rl.FormatError, match=r"cut short \(at byte 21\)"):
        tfevents.read_records(path)


def test_a_length_beyond_all_bounds_takes_no_memory(tmp_path):
    path = tmp_path / "events"
    path.write_bytes(struct.pack("<Q", 2**64 - 1) + bytes(100))
    with pytest.raises(rl.FormatError, match="cut short"):
        tfevents.read_records(path)


STEPS = [0, 1, 127, 128, 300, 2**31, 2**40]


@pytest.mark.parametrize("step", STEPS)
def test_their_protos_read_our_events(step):
    event_pb2 = pytest.importorskip("tensorboardX.proto.event_pb2")
    scalars = {"loss": 0.1, "validation_loss": -2.5, "größe": 1e39, "": float("nan")}
    read = event_pb2.Event.FromString(tfevents.scalars_event(123.25, step, scalars))
    assert (read.wall_time, read.step) == (123.25, step)
    assert [value.tag for value in read.summary.value] == list(scalars)
    with np.errstate(over="ignore"):
        wanted = np.array(list(scalars.values())).astype(np.float32)
    np.testing.assert_array_equal([value.simple_value for value in read.summary.value], wanted)


def test_their_protos_read_how_a_file_begins():
    event_pb2 = pytest.importorskip("tensorboardX.proto.event_pb2")
    first = event_pb2.Event.FromString(tfevents.version_event(5.0))
    assert first.file_version == "brain.Event:2"
    start = event_pb2.Event.FromString(tfevents.start_event(5.0, 7))
    assert (start.step, start.session_log.status) == (7, event_pb2.SessionLog.START)


def test_our_records_have_the_bytes_of_theirs(tmp_path):
    event_pb2 = pytest.importorskip("tensorboardX.proto.event_pb2")
    summary_pb2 = pytest.importorskip("tensorboardX.proto.summary_pb2")
    writer = pytest.importorskip("tensorboardX.record_writer").RecordWriter(
        str(tmp_path / "events")
    )
    values = [summary_pb2.Summary.Value(tag="loss", simple_value=0.3)]
    events = [
        event_pb2.Event(wall_time=5.5, file_version="brain.Event:2"),
        event_pb2.Event(
            wall_time=6.5,
            step=300,
            session_log=event_pb2.SessionLog(status=event_pb2.SessionLog.START),
        ),
        event_pb2.Event(wall_time=7.5, step=300, summary=summary_pb2.Summary(value=values)),
    ]
    for event in events:
        writer.write(event.SerializeToString())
    writer.close()
    ours = [
        tfevents.version_event(5.5),
        tfevents.start_event(6.5, 300),
        tfevents.scalars_event(7.5, 300, {"loss": 0.3}),
    ]
    assert (tmp_path / "events").read_bytes() == b"".join(map(tfevents.record, ours))
    assert tfevents.read_records(tmp_path / "events") == ours


def test_we_read_the_records_that_they_write(tmp_path):
    tensorboard = pytest.importorskip("tensorboardX")
    event_pb2 = pytest.importorskip("tensorboardX.proto.event_pb2")
    with tensorboard.SummaryWriter(str(tmp_path)) as writer:
        for step in range(5):
            writer.add_scalar("loss", 1 / (step + 1), step)
    (path,) = tmp_path.iterdir()
    events = [event_pb2.Event.FromString(data) for data in tfevents.read_records(path)]
    scalars = [value for event in events for value in event.summary.value]
    np.testing.assert_allclose([one.simple_value for one in scalars], 1 / np.arange(1, 6))
