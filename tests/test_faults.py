"""The faults that training must survive, the quick ones here and all of them where long tests run."""

import faults
import pytest
import runner


@pytest.mark.parametrize(
    "fault",
    [pytest.param(f, id=f.name, marks=[] if f.quick else pytest.mark.long) for f in faults.FAULTS],
)
def test_fault(fault, tmp_path):
    try:
        assert fault.check(tmp_path / "run")
    finally:
        runner.end_all()
