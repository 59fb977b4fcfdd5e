"""Jobs without the wait for imports: forked from one process a run, which has done the slow imports and nothing else.

Importing torch and diffusers takes seconds, and a run starts a hundred jobs. `snakemake` (commands/snakemake.py) starts
a server; the first job makes it import; every job is a fork of it: a process of its own, with the folder, environment
and streams of the command that asked for it. It ends with that command, and with the run. Without a server, or with
another Python, the command does the job itself:

    python -m selfrefine.commands.run_stage STAGE [OPTIONS]    equals    python -m selfrefine.stages.STAGE [OPTIONS]

but that it compares `--code` with the code on the disk, before and after, and adds `--modules`, the digest of each
module of it, which the job keeps in its record.
"""

import contextlib
import importlib
import itertools
import json
import os
import pkgutil
import runpy
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import traceback
from collections.abc import Iterator
from pathlib import Path

SERVER = "SELFREFINE_WARM_START"  # "ENVIRONMENT:SOCKET" of the run's server
STREAMS = (0, 1, 2)
FORKS = sys.platform == "linux"  # elsewhere a fork may not use all libraries that its parent has loaded
LOST = 137  # exit code of a job that ended without one: killed, most often for want of memory


# -- the run -----------------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def server() -> Iterator[None]:
    """Offers a server to all jobs started inside; it ends with this process, however that ends.

    Where none can be started, for want of a folder for its socket, jobs do without.
    """
    with contextlib.ExitStack() as stack:
        listener = _listener(stack) if FORKS else None
        if listener is None:
            yield
            return
        path = listener.getsockname()
        with listener:
            command = [sys.executable, "-c", f"from {__name__} import serve; serve({listener.fileno()})"]
            process = subprocess.Popen(command, stdin=subprocess.PIPE, pass_fds=[listener.fileno()])
        os.environ[SERVER] = f"{_packages()}:{path}"
        try:
            yield
        finally:
            withdraw()
            process.communicate()  # closes the pipe: the server ends


def withdraw() -> None:
    """Keeps the server from what is started later: jobs of a cluster would run here, outside of what it allows."""
    os.environ.pop(SERVER, None)


def _listener(stack: contextlib.ExitStack) -> socket.socket | None:
    """A socket that listens, in a folder that goes with the stack; None, and a line, if there can be none.

    The name of a socket has at most 107 bytes: where TMPDIR is longer, it lies in /tmp.
    """
    fault: OSError | None = None
    for place in (None, "/tmp"):
        try:
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="selfrefine-", dir=place))
            listener = stack.enter_context(socket.socket(socket.AF_UNIX))
            listener.bind(str(Path(folder, "socket")))
            listener.listen(64)
        except OSError as error:
            fault = error
        else:
            return listener
    print(f"snakemake: no folder for the socket of a server ({fault}); each job imports for itself", file=sys.stderr)
    return None


# -- the command of a job ----------------------------------------------------------------------------------------------


def main() -> None:
    """Runs the stage named by the first word in a fork of the server, or here; exits with its code."""
    os.environ["OMP_NUM_THREADS"] = "1"  # numpy's threads change the last bits; torch's follow runtime.set_threads
    packages, _, path = os.environ.get(SERVER, "").rpartition(":")
    with socket.socket(socket.AF_UNIX) as connection:
        try:
            if packages != _packages():
                raise ConnectionError("no server, or one with other packages")
            connection.connect(path)
        except OSError:
            _run_stage(sys.argv[1:])
            return
        request = {"arguments": sys.argv[1:], "folder": str(Path.cwd()), "environment": dict(os.environ)}
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])  # asked to end, it ends a job that has begun, too
        socket.send_fds(connection, [b"\n"], STREAMS)
        connection.sendall(json.dumps(request).encode() + b"\n")
        stopped = _hand_on_sigterm(connection)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGTERM])
        code = connection.recv(1)
    if not code and not stopped:
        print(f"{sys.argv[1]}: the job was killed; is there too little memory?", file=sys.stderr)
    sys.exit(code[0] if code else LOST)


def _hand_on_sigterm(connection: socket.socket) -> list[int]:
    """Lets SIGTERM end the job, which may keep a checkpoint, and not this command; the list is filled when it comes."""
    stopped: list[int] = []

    def hand_on(number: int, _frame: object) -> None:
        stopped.append(number)
        connection.shutdown(socket.SHUT_WR)  # the job ends with its command's end of the line

    signal.signal(signal.SIGTERM, hand_on)
    return stopped


def _packages() -> str:
    """The environment that packages are from: its Python goes by several names."""
    return os.path.realpath(sys.prefix)


def _run_stage(arguments: list[str]) -> None:
    """Runs the stage in this process; its record is kept if the code is that of `--code`, before and after.

    Somebody may edit a module, or check out another branch, while a run goes on: what a job then makes is of neither.
    """
    given = dict(itertools.pairwise(arguments))
    modules = _modules(arguments[0], given)
    sys.argv = [*arguments, *(["--modules", json.dumps(modules)] if modules else [])]
    runpy.run_module(f"selfrefine.stages.{arguments[0]}", run_name="__main__", alter_sys=True)
    try:
        _modules(arguments[0], given)
    except SystemExit:
        Path(given["--record"]).unlink(missing_ok=True)
        raise


def _modules(stage: str, given: dict[str, str]) -> dict[str, str]:
    """The digest of each module of a stage as it is on the disk now; ends with one line if they are not `--code`."""
    from selfrefine.params import code_digest  # here: the command of a job that a server forks needs none of it

    if "--code" not in given:
        return {}
    code_digest.forget()
    if modules := code_digest.modules_behind(stage, given["--code"]):
        return modules
    sys.exit(f"{stage}: the code changed after this run had begun; run the same command, which takes it as it is now")


# -- the server --------------------------------------------------------------------------------------------------------


def serve(listening: int) -> None:
    """Forks a child for every connection, until the other end of standard input is closed.

    Args:
        listening: descriptor of the socket.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the jobs, and for who started the server
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # children leave no zombies
    os.environ["OMP_NUM_THREADS"] = "1"  # read when a library is loaded: see main
    with socket.socket(fileno=listening) as listener:
        while True:
            ready, _, _ = select.select([listener, sys.stdin], [], [])
            if sys.stdin in ready:
                return
            connection, _ = listener.accept()
            with connection:
                import_slow_packages()
                if os.fork() == 0:  # noqa: TID251 - this process has imported, and started no thread
                    listener.close()
                    _live(connection)


def import_slow_packages() -> None:
    """Imports what nearly all jobs do: torch, the families' parts of diffusers, pandas; no thread is left of it."""
    from selfrefine.core import forkable

    os.environ["JE_ARROW_MALLOC_CONF"] = "background_thread:false"  # pandas brings pyarrow, whose allocator starts one
    with forkable.untouched_gpu():
        import pandas  # noqa: F401

        from selfrefine import networks

        for family in pkgutil.iter_modules(networks.__path__, f"{networks.__name__}."):
            importlib.import_module(family.name)


def _live(connection: socket.socket) -> None:
    """The life of a child: it becomes what its command asks for, runs the stage, tells the exit code."""
    code = 1
    try:
        run = os.dup(sys.stdin.fileno())  # the pipe that the run holds the other end of
        _, descriptors, _, _ = socket.recv_fds(connection, 1, len(STREAMS))
        with connection.makefile("rb") as lines:
            request = json.loads(lines.readline())
        for stream, descriptor in zip(STREAMS, descriptors, strict=True):
            os.dup2(descriptor, stream)
            os.close(descriptor)
        os.chdir(request["folder"])
        os.environ.clear()
        os.environ.update(request["environment"])
        signal.signal(signal.SIGINT, signal.default_int_handler)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        threading.Thread(target=_end_with, args=([connection, run],), daemon=True).start()
        code = _exit_code(request["arguments"])
    finally:
        sys.stdout.flush()
        connection.sendall(bytes([code]))
        os._exit(code)


def _end_with(others: list[socket.socket | int]) -> None:
    """Ends this process when its command or the whole run is gone, however that ended: both tell it by closing."""
    select.select(others, [], [])
    os.kill(os.getpid(), signal.SIGTERM)


def _exit_code(arguments: list[str]) -> int:
    """Runs the stage and says how it ended, in the interpreter's own way."""
    try:
        _run_stage(arguments)
    except SystemExit as end:
        if end.code is None or isinstance(end.code, int):
            return (end.code or 0) & 0xFF
        print(end.code, file=sys.stderr)
        return 1
    except BaseException:
        traceback.print_exc()
        return 1
    return 0


if __name__ == "__main__":
    main()
