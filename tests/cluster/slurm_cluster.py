"""A SLURM cluster of one machine, this one, for as long as a test needs it: the real daemons, no accounts.

Needs the programs of Debian's slurm-wlm. It runs as whoever runs the tests; nothing of it outlives them.
"""

from __future__ import annotations

import contextlib
import getpass
import os
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

PROGRAMS = ("slurmctld", "slurmd", "sbatch", "srun", "squeue", "scancel", "scontrol", "sinfo")

_CONFIG = """\
ClusterName=tests
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={ports[0]}
SlurmdPort={ports[1]}
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/none
CredType=cred/none
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
MpiDefault=none
ReturnToService=2
KillWait=10
SchedulerParameters=sched_interval=1,batch_sched_delay=0,sched_min_interval=100000
NodeName={host} NodeAddr=127.0.0.1 CPUs=2 State=UNKNOWN
PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE State=UP OverSubscribe=NO
"""


def missing() -> list[str]:
    """Return the programs that this machine lacks."""
    path = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
    return [name for name in PROGRAMS if shutil.which(name, path=path) is None]


@contextlib.contextmanager
def cluster(folder: Path) -> Iterator[None]:
    """Run the cluster inside the block, its files below a folder, SLURM_CONF set."""
    for name in ("state", "spool"):
        (folder / name).mkdir(parents=True)
    config = folder / "slurm.conf"
    host = socket.gethostname().split(".")[0]
    config.write_text(_CONFIG.format(host=host, ports=_free_ports(2), user=getpass.getuser(), folder=folder))
    before = os.environ.get("SLURM_CONF")
    os.environ["SLURM_CONF"] = str(config)
    path = f"{os.environ['PATH']}:/usr/sbin:/sbin"
    daemons: list[subprocess.Popen[bytes]] = []
    ended = threading.Event()
    try:
        for name in ("slurmctld", "slurmd"):
            program = shutil.which(name, path=path)
            assert program is not None
            silent = subprocess.DEVNULL
            daemons.append(subprocess.Popen([program, "-D", "-f", str(config)], stdout=silent, stderr=silent))
        _wait_until_idle(folder)
        threading.Thread(target=_hurry, args=(ended,), daemon=True).start()
        yield
    finally:
        ended.set()
        _quietly("scancel", f"--user={getpass.getuser()}")
        time.sleep(1)
        for daemon in reversed(daemons):
            daemon.terminate()
            daemon.wait(30)
        if before is None:
            os.environ.pop("SLURM_CONF")
        else:
            os.environ["SLURM_CONF"] = before


def jobs() -> dict[str, str]:
    """Return the state of every job in the queue."""
    rows = _quietly("squeue", "--noheader", "--array", "--format=%i|%T").split()
    return dict(row.split("|", 1) for row in rows)


def wait_until_empty(seconds: float = 240) -> None:
    """Wait until no job is left."""
    deadline = time.monotonic() + seconds
    while jobs():
        assert time.monotonic() < deadline, _quietly("squeue")
        time.sleep(0.5)


def _hurry(ended: threading.Event) -> None:
    """Let jobs that were put into the queue again start at once, not after SLURM's two minutes."""
    while not ended.wait(1.0):
        for row in _quietly("squeue", "--noheader", "--state=PENDING", "--format=%A|%r").split():
            job, reason = row.split("|", 1)
            if reason == "BeginTime":
                _quietly("scontrol", "update", f"JobId={job}", "StartTime=now")


def _wait_until_idle(folder: Path) -> None:
    deadline = time.monotonic() + 60
    while "idle" not in _quietly("sinfo", "--noheader", "--format=%T"):
        assert time.monotonic() < deadline, (folder / "slurmctld.log").read_text()[-2000:]
        time.sleep(0.2)


def _quietly(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout


def _free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]
