"""The prompt: from a statement to its answer, and from the command to the first answer.

SPDX-License-Identifier: MIT

Measured as a front sees it: pympi's session through its frames on two ranks, ipyparallel's blocking
execute on two engines where Debian's package is installed, and python3's own prompt through a pipe. Each in
blocks, in turn.
"""

import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

import bench

STATEMENT, ANSWER = "1+1", "2"
BLOCK = 50      # statements in a row
ENGINES = """
import sys, time
import ipyparallel as ipp
client = ipp.Client(profile_dir=sys.argv[1], timeout=60)
while len(client) < 2:
    time.sleep(.01)
view = client[:]
for line in sys.stdin:
    begun = time.perf_counter()
    view.execute(line.strip(), silent=False, block=True).get()
    print(time.perf_counter() - begun, flush=True)
"""


class Session:
    """pympi --session -n 2."""
    name = "pympi -n 2"

    def __init__(self, build):
        path = Path(build.pympi).parent.parent / "lib/pympi/python/pympi/frames.py"
        spec = importlib.util.spec_from_file_location("frames", path)
        self.frames = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(self.frames)
        self.reader = self.frames.Reader()
        self.process = _start([build.pympi, "--session", "-n", "2"], stderr=subprocess.DEVNULL)
        self._until(self.frames.READY)

    def _until(self, kind):
        found = []
        while kind not in found:
            data = os.read(self.process.stdout.fileno(), 1 << 16)
            if not data:
                sys.exit("prompt.py: the session ended")
            found += [one[0] for one in self.reader.feed(data)]

    def run(self, statement):
        """The seconds that it takes."""
        return self._ask(self.frames.EXECUTE, statement, self.frames.DONE)

    def complete(self, text):
        """The seconds until there are names."""
        return self._ask(self.frames.COMPLETE, text, self.frames.COMPLETED)

    def _ask(self, kind, text, answer):
        begun = time.perf_counter()
        self.process.stdin.write(self.frames.pack(kind, {"id": 1}, text))
        self.process.stdin.flush()
        self._until(answer)
        return time.perf_counter() - begun

    def end(self):
        self.process.stdin.close()
        self.process.wait(30)


class Plain:
    """python3's prompt, alone."""
    name = "python3 -i"

    def __init__(self, build):
        self.process = _start([build.python, "-i", "-q", "-u"], stderr=subprocess.DEVNULL)

    def run(self, statement):
        begun = time.perf_counter()
        self.process.stdin.write(f"{statement}\n".encode())
        self.process.stdin.flush()
        if self.process.stdout.readline().strip().decode() != ANSWER:
            sys.exit("prompt.py: python3 gave another answer")
        return time.perf_counter() - begun

    def end(self):
        self.process.stdin.close()
        self.process.wait(30)


class Engines:
    """ipyparallel with two engines of this machine; the client times itself."""
    name = "ipyparallel, 2 engines"

    def __init__(self, build):
        self.folder = tempfile.mkdtemp(prefix="pympi-bench-")
        self.cluster = _start([build.python, "-m", "ipyparallel.cluster", "start", "-n", "2",
                               f"--profile-dir={self.folder}", "--IPClusterStart.delay=0"],
                              stderr=subprocess.DEVNULL)
        connection = Path(self.folder, "security", "ipcontroller-client.json")
        while not connection.exists():
            if self.cluster.poll() is not None:
                sys.exit("prompt.py: ipcluster ended")
            time.sleep(.01)
        self.process = _start([build.python, "-c", ENGINES, self.folder], stderr=subprocess.DEVNULL)

    def run(self, statement):
        self.process.stdin.write(f"{statement}\n".encode())
        self.process.stdin.flush()
        return float(self.process.stdout.readline())

    def end(self):
        self.process.stdin.close()
        self.process.wait(30)
        self.cluster.terminate()
        self.cluster.wait(30)
        shutil.rmtree(self.folder, ignore_errors=True)


def _start(words, **options):
    return subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                            env=bench.environment(), **options)


def has_ipyparallel(build):
    return subprocess.run([build.python, "-c", "import ipyparallel"], stdout=subprocess.DEVNULL,
                          stderr=subprocess.DEVNULL).returncode == 0


def start_times(build, kinds, repetitions):
    """{name: the seconds from the command to the first answer}."""
    times = {kind.name: [] for kind in kinds}
    for _ in range(repetitions):
        for kind in kinds:
            begun = time.perf_counter()
            one = kind(build)
            one.run(STATEMENT)
            times[kind.name].append(time.perf_counter() - begun)
            one.end()
    return times


def round_trips(build, kinds, blocks):
    """{name: the seconds of each statement}."""
    running = [kind(build) for kind in kinds]
    times = {kind.name: [] for kind in kinds}
    for block in range(blocks + 1):
        for one in running:
            taken = [one.run(STATEMENT) for _ in range(BLOCK)]
            times[one.name] += taken if block else []   # the first block warms up
    for one in running:
        one.end()
    return times


def completions(build):
    """(what, seconds of the first, seconds of later ones) of texts to be completed."""
    one = Session(build)
    one.run("import os.path")
    results = [(text, one.complete(text), [one.complete(text) for _ in range(BLOCK)])
               for text in ("mpi.all", "os.path.", "import nu", "open('/etc/h")]
    one.end()
    return results


def idle(build):
    """The part of one core that a session of two ranks uses while nothing is typed."""
    one = Session(build)
    one.run(STATEMENT)
    time.sleep(1)
    before, begun = _cpu(one.process.pid), time.perf_counter()
    time.sleep(10)
    used = (_cpu(one.process.pid) - before) / (time.perf_counter() - begun)
    one.end()
    return used


def _cpu(pid):
    """The seconds of a process and of all below it."""
    parents, ticks = {}, {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            parents[int(entry.name)] = int(fields[1])
            ticks[int(entry.name)] = int(fields[11]) + int(fields[12])
    own = {pid}
    while more := {child for child, parent in parents.items() if parent in own} - own:
        own |= more
    return sum(ticks.get(one, 0) for one in own) / os.sysconf("SC_CLK_TCK")


def main():
    build, quick = bench.parse(__doc__.splitlines()[0])
    kinds = [Session, Plain] + ([Engines] if has_ipyparallel(build) else [])
    trips = round_trips(build, kinds, 2 if quick else 20)
    starts = start_times(build, kinds, 1 if quick else 5)
    targets = {Session.name: 2e-3}
    rows = [[name, *bench.best_and_median(times), bench.seconds(targets[name]) if name in targets else "",
             *bench.best_and_median(starts[name])] for name, times in trips.items()]
    bench.print_table(["the prompt: 1+1", "round trip", "median", "at most", "first answer", "median"],
                      rows)
    if Engines not in kinds:
        print("python3-ipyparallel is not installed\n")
    rows = [[text, bench.seconds(first), *bench.best_and_median(later), "100 ms"]
            for text, first, later in completions(build)]
    bench.print_table(["completion", "the first", "later", "median", "at most"], rows)
    print(f"idle at the prompt, all ranks together: {idle(build):.2%} of a core (at most 1 %)\n")
    if median(trips[Session.name]) > targets[Session.name]:
        print("the round trip is over its target\n")


if __name__ == "__main__":
    main()
