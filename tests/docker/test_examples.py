"""The job scripts and manifests in docker/examples: their commands exist, and 75 means that a job goes on."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from lit_curriculum import __version__
from lit_curriculum.cli.parsing import parse_and_run
from tests.support import ROOT

EXAMPLES = ROOT / "docker" / "examples"
BATCH = ["slurm.sbatch", "slurm-pyxis.sbatch"]


def content(name: str) -> Any:
    return yaml.safe_load((EXAMPLES / name).read_text(encoding="utf-8"))


def assert_parses(words: list[str]) -> None:
    """Check the words behind ``lit`` as the command does, on a machine without GPUs."""
    here = {"--trainer.accelerator=gpu": "--trainer.accelerator=cpu"}
    parse_and_run([here.get(word, word) for word in words], run=False)


@pytest.mark.parametrize("name", BATCH)
@pytest.mark.parametrize("code", [0, 1, 2, 75])
def test_a_job_is_requeued_when_it_was_stopped_and_only_then(name: str, code: int, tmp_path: Path) -> None:
    for tool, last in (("srun", f"exit {code}"), ("scontrol", "")):
        (tmp_path / tool).write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" >{tool}.words\n{last}\n')
        (tmp_path / tool).chmod(0o755)
    environment = {
        "PATH": f"{tmp_path}:{os.environ['PATH']}",
        "SLURM_JOB_ID": "7",
        "SLURM_JOB_NUM_NODES": "1",
        "SLURM_NTASKS_PER_NODE": "2",
    }
    done = subprocess.run(["bash", EXAMPLES / name, "pcfg_bert"], cwd=tmp_path, env=environment, check=False)
    assert done.returncode == code
    requeued = tmp_path / "scontrol.words"
    assert (requeued.read_text() if requeued.exists() else None) == ("requeue\n7\n" if code == 75 else None)
    words = (tmp_path / "srun.words").read_text().splitlines()
    assert_parses([word.replace("/work", str(tmp_path)) for word in words[words.index("lit") + 1 :]])


@pytest.mark.parametrize("name", BATCH)
def test_a_job_hears_of_its_end_in_time(name: str) -> None:
    lines = (EXAMPLES / name).read_text(encoding="utf-8").splitlines()
    # Without B: it goes to the processes of srun, not to the shell that waits for them.
    assert "#SBATCH --signal=USR1@120" in lines
    assert "#SBATCH --requeue" in lines


def test_the_kubernetes_job_goes_on_after_75_and_gives_up_after_2() -> None:
    job = content("kubernetes-job.yaml")
    assert (job["apiVersion"], job["kind"]) == ("batch/v1", "Job")
    codes = {
        code: rule["action"]
        for rule in job["spec"]["podFailurePolicy"]["rules"]
        for code in rule.get("onExitCodes", {}).get("values", [])
    }
    assert codes == {75: "Ignore", 2: "FailJob"}
    pod = job["spec"]["template"]["spec"]
    assert pod["restartPolicy"] == "Never"  # with another there is no policy for exit codes
    assert pod["securityContext"]["runAsNonRoot"]
    (container,) = pod["containers"]
    assert container["image"] == f"lit_curriculum:{__version__}"
    assert container["securityContext"]["readOnlyRootFilesystem"]
    mounts = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}
    assert set(mounts) == {volume["name"] for volume in pod["volumes"]}
    assert set(mounts.values()) == {"/work", "/tmp", "/dev/shm"}
    gpus = container["resources"]["limits"]["nvidia.com/gpu"]
    assert f"--trainer.devices={gpus}" in container["args"]
    assert_parses(container["args"])


def test_the_kubernetes_job_fits_the_published_schema() -> None:
    validator = pytest.importorskip("kubernetes_validate", reason="108 MB: pip install kubernetes-validate")
    for version in ("1.31", "1.34"):
        validator.validate(content("kubernetes-job.yaml"), version, strict=True)


def test_compose_runs_lit_and_shows_its_runs() -> None:
    services = content("compose.yaml")["services"]
    assert set(services) == {"lit", "tensorboard"}
    for service in services.values():
        assert service["image"] == f"lit_curriculum:{__version__}"
        assert service["read_only"]
    # Compiled kernels are loaded from there.
    assert services["lit"]["tmpfs"] == ["/tmp:exec,mode=1777"]
    assert_parses(services["lit"]["command"])
