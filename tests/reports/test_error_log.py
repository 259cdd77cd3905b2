"""``errors.csv``: what is written is read back."""

from pathlib import Path

import numpy as np
import pytest

from vo_frontend.errors import OutputError, VoError
from vo_frontend.reports.error_log import PoseErrors, read_errors, write_errors


def errors(segment_id: int, n: int) -> PoseErrors:
    stamps_ns = 1_700_000_000_123_456_789 + np.arange(n) * 33_333_333 + segment_id * 10**12
    return PoseErrors(segment_id, stamps_ns, np.arange(n) / 2, np.arange(n) / 8, np.arange(n) / 16)


def test_errors_are_read_as_they_were_written(tmp_path: Path) -> None:
    written = [errors(0, 5), errors(3, 2)]
    write_errors(tmp_path / "errors.csv", written)
    for found, part in zip(read_errors(tmp_path / "errors.csv"), written, strict=True):
        assert found.segment_id == part.segment_id
        assert found.timestamps_ns.tolist() == part.timestamps_ns.tolist(), "exact, whatever a float holds"
        np.testing.assert_allclose(found.distances_m, part.distances_m)
        np.testing.assert_allclose(found.position_errors_m, part.position_errors_m)
        np.testing.assert_allclose(found.rotation_errors_deg, part.rotation_errors_deg)


def test_a_run_without_ground_truth_has_no_errors(tmp_path: Path) -> None:
    assert read_errors(tmp_path / "errors.csv") == []


@pytest.mark.parametrize("text", ["a,b\n1,2\n", "timestamp,segment,distance_m\n1,x,3\n"])
def test_another_table_is_one_clear_error(tmp_path: Path, text: str) -> None:
    (tmp_path / "errors.csv").write_text(text)
    with pytest.raises(
        VoError, match=r"errors\.csv: got .*, expected the errors that vo-frontend run writes"
    ):
        read_errors(tmp_path / "errors.csv")


def test_errors_that_cannot_be_written_are_one_clear_error(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="cannot write the file"):
        write_errors(tmp_path / "none" / "errors.csv", [errors(0, 2)])
