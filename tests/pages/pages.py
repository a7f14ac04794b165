"""Does what a Markdown page says, in a fresh clone; for tests/readme/run and tests/docs/run.

- Every ```cpp and ```diff block, and any other one with the mark `from`, must be, line for line, a part of a file: of the
  one that the mark names, of any under examples/ where a page need not name it. An indented part may stand on the page
  without its indentation.
- Every ```sh block is run by bash -e in the clone, in the order of the page, one shell each.
- A ```text block with the mark `output` is what the sh block before it prints on standard output, line for line. A line
  "..." stands for any lines.
- Every relative link leads to a file. A number with three decimals in the text, "at 1.800", is one of an output.

`<!-- MARK: ... -->` on the line above a block says more about it; MARK is the page's own word (readme, docs). Several can
stand on one line, separated by `;`:

    from PATH           the file that it is a part of
    skip REASON         not run (it installs for the whole system, needs a browser, ...)
    background          (sh) runs on while later blocks do; ended (SIGTERM) after the last one
    prints TEXT         (sh) its output must contain TEXT
    fails               (sh) must end with another status than 0
    seconds N           (sh) may take N seconds instead of the usual ones
    wait TEXT           (background) the next block starts when its output contains TEXT
    output              (text) what the sh block before prints
    any TEXT            (output) numbers in lines that contain TEXT may be others
    story               (output) one of a simulation, which draws anew when the sources change: what happens when may be
                        something else (but not what is BROKEN), and so may numbers; the seed and the choices that are
                        printed are those of the blocks that follow. It is said, and `--rewrite` puts it on the page
"""

import contextlib
import dataclasses
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import textwrap
import time

SECONDS = 120
WORDS = {"from", "skip", "background", "prints", "fails", "seconds", "wait", "output", "any", "story"}
EXCERPTS = ("cpp", "diff")


class Wrong(Exception):
    """The page says what is not so; the text names the line."""


@dataclasses.dataclass
class Block:
    language: str
    line: int
    text: str
    marks: dict[str, str]


def blocks_of(page, mark):
    """The fenced blocks of a Markdown page that name a language."""
    marks, block = {}, None
    for number, line in enumerate(page.splitlines(), 1):
        fence = re.match(r"```(\w*)\s*$", line)
        if block is not None:
            if fence:
                yield block
                block, marks = None, {}
            else:
                block.text += line + "\n"
        elif fence:
            block = Block(fence.group(1), number + 1, "", marks)
        elif comment := re.match(rf"<!-- {mark}: (.*?) *-->$", line):
            marks = read_marks(comment.group(1), number)
        elif line.strip():
            marks = {}
    if block is not None:
        raise Wrong(f"line {block.line}: the block has no end")


def read_marks(text, number):
    pairs = [part.strip().partition(" ") for part in text.split(";")]
    unknown = [word for word, _, _ in pairs if word not in WORDS]
    if unknown:
        raise Wrong(f"line {number}: nobody knows what `{unknown[0]}` means")
    return {word: rest for word, _, rest in pairs}


def is_part(block, text):
    """Whether the block is a run of whole lines of the text, whatever its indentation."""
    return any(("\n" + textwrap.indent(block.text, " " * indent)) in ("\n" + text) for indent in range(0, 24, 4))


def check_excerpt(block, clone, named):
    if "from" in block.marks:
        path = clone / block.marks["from"]
        if not path.is_file():
            raise Wrong(f"line {block.line}: there is no file {block.marks['from']}")
        if not is_part(block, path.read_text(encoding="utf-8")):
            raise Wrong(f"line {block.line}: this is no part of {block.marks['from']}")
    elif named:
        raise Wrong(f"line {block.line}: the mark `from` is missing: which file is this a part of?")
    elif not any(is_part(block, path.read_text(encoding="utf-8")) for path in (clone / "examples").rglob("*.cpp")):
        raise Wrong(f"line {block.line}: this {block.language} is no part of any file under examples/")


def check_links(page, folder):
    for target in re.findall(r"\]\(([^)\s#]+)[^)]*\)", prose_of(page)):
        if not re.match(r"[a-z]+:", target) and not (folder / target).exists():
            raise Wrong(f"a link leads to {target}, which is not there")


def prose_of(page):
    return re.sub(r"^```.*?^```", "", page, flags=re.DOTALL | re.MULTILINE)


def check_times(page, outputs):
    """Prose that tells of an output's times, "at 1.800", must be about the output that is there."""
    for time_told in re.findall(r"\b\d+\.\d{3}\b", prose_of(page)):
        if time_told not in outputs:
            raise Wrong(f"the text tells of {time_told}, of which no output on the page does")


def content(path):
    return path.read_text(encoding="utf-8", errors="replace")


def same_line(wanted, got, loose):
    if loose and loose in wanted:
        number = r"\d+(\.\d+)?"
        return re.sub(number, "0", wanted).split() == re.sub(number, "0", got).split()
    return wanted.rstrip() == got.rstrip()


def matches(wanted, got, loose):
    """Both are lists of lines."""
    if not wanted or not got:
        return all(line == "..." for line in wanted) and not got
    if wanted[0] == "...":
        return any(matches(wanted[1:], got[skipped:], loose) for skipped in range(len(got) + 1))
    return same_line(wanted[0], got[0], loose) and matches(wanted[1:], got[1:], loose)


def outline(story):
    """What a simulation tells, whatever it has drawn."""
    lines = [re.sub(r"--replay '[^']*'|BINE_SIM='[^']*'|hash [0-9a-f]+", "", line) for line in story.splitlines() if line != "..."]
    kept = [line for line in lines if "BROKEN" in line or not re.match(r"\s+\d+\.\d{6}  ", line)]
    return [re.sub(r"\d+(\.\d+)?", "0", line).split() for line in kept]


def as_shown(block, printed):
    """What was printed, with "..." where the block has it."""
    old, new = block.text.splitlines(), printed.splitlines()
    if "..." not in old:
        return new
    dots = old.index("...")
    behind = len(old) - dots - 1
    return new[:dots] + ["..."] + (new[-behind:] if behind else [])


# What an output tells the reader to do next, and the next block does.
REPLAYS = (re.compile(r"--seed (\d+)"), re.compile(r"--replay '([^']*)'"), re.compile(r"BINE_SIM=\w+:(\d+)"),
           re.compile(r"BINE_SIM='([^']*)'"))


def rewritten(page, block, printed):
    """The page with another output in the block; what it names (a seed, choices) is passed on to what follows it."""
    lines = page.splitlines()
    first, behind = block.line - 1, block.line - 1 + len(block.text.splitlines())
    shown, rest = as_shown(block, printed), "\n".join(lines[behind:])
    for named in REPLAYS:
        was, now = named.search(block.text), named.search("\n".join(shown))
        if was and now:
            rest = rest.replace(was.group(0), now.group(0)).replace(f"seed {was.group(1)}", f"seed {now.group(1)}")
    return "\n".join([*lines[:first], *shown, rest]) + "\n"


def end(process):
    """Ends a shell and what it started."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


class Shell:
    """The sh blocks of one page, run in one clone."""

    def __init__(self, clone):
        self.clone = clone
        self.running = []
        self.files = 0
        self.printed = None  # standard output of the last block that ended

    def new_file(self):
        self.files += 1
        return self.clone.parent / f"output-{self.files}"

    def run(self, block):
        printed, errors = self.new_file(), self.new_file()
        with open(printed, "wb") as out, open(errors, "wb") as err:
            process = subprocess.Popen(["bash", "-e"], cwd=self.clone, stdin=subprocess.PIPE, stdout=out, stderr=err,
                                       start_new_session=True)
        process.stdin.write(block.text.encode())
        process.stdin.close()
        seconds = float(block.marks.get("seconds", SECONDS))

        def said():
            return content(printed) + content(errors)

        if "background" in block.marks:
            self.running.append((block, process))
            self.wait_for(block, process, said, seconds)
        else:
            self.wait_end(block, process, said, seconds)
            self.printed = content(printed)

    def wait_for(self, block, process, said, seconds):
        deadline = time.monotonic() + seconds
        while block.marks.get("wait", "") not in said():
            if process.poll() is not None:
                raise Wrong(f"line {block.line}: ended at once\n{said()}")
            if time.monotonic() > deadline:
                raise Wrong(f"line {block.line}: never said {block.marks['wait']!r}\n{said()}")
            time.sleep(0.05)

    def wait_end(self, block, process, said, seconds):
        try:
            status = process.wait(seconds)
        except subprocess.TimeoutExpired:
            end(process)
            raise Wrong(f"line {block.line}: not done after {seconds:.0f} s\n{said()[-3000:]}") from None
        if (status != 0) != ("fails" in block.marks):
            raise Wrong(f"line {block.line}: ended with status {status}\n{said()[-3000:]}")
        if block.marks.get("prints", "") not in said():
            raise Wrong(f"line {block.line}: did not print {block.marks['prints']!r}\n{said()[-3000:]}")

    def printed_as(self, block):
        if self.printed is None:
            raise Wrong(f"line {block.line}: no sh block before it prints anything")
        return matches(block.text.splitlines(), self.printed.splitlines(), block.marks.get("any"))

    def check_background(self):
        for block, process in self.running:
            if process.poll() is not None:
                raise Wrong(f"line {block.line}: ended with status {process.returncode} before the page did")

    def end_all(self):
        for _, process in self.running:
            end(process)


def clone_into(folder, source):
    """The last commit, as a user gets it."""
    clone = folder / "bine"
    subprocess.run(["git", "clone", "--quiet", str(source), str(clone)], check=True)
    return clone


class Page:
    """One page of a clone. `named`: its excerpts say what they are from. `rewrites`: outputs that differ are corrected."""

    def __init__(self, name, clone, mark, named, rewrites):
        if not (clone / name).is_file():
            raise Wrong(f"{name} is not in the last commit")
        self.name = name
        self.clone = clone
        self.text = content(clone / name)
        self.as_found = self.text
        self.mark = mark
        self.named = named
        self.rewrites = rewrites
        self.counts = {"excerpts": 0, "sh": 0, "outputs": 0, "skipped": 0}

    def check_output(self, block, shell):
        if shell.printed_as(block):
            self.counts["outputs"] += 1
        elif self.rewrites:
            self.text = rewritten(self.text, block, shell.printed)
        elif "story" in block.marks and outline(block.text) == outline(shell.printed):
            print(f"{self.name}:{block.line}: tells another story than is printed now; --rewrite would put that there")
            self.text = rewritten(self.text, block, shell.printed)
            self.counts["outputs"] += 1
        else:
            raise Wrong(f"line {block.line}: this is what the block before it printed:\n{shell.printed}")

    def check(self, shell):
        check_links(self.text, (self.clone / self.name).parent)
        blocks = list(blocks_of(self.text, self.mark))
        # What can be told at once goes before what takes its time.
        for block in blocks:
            if (block.language in EXCERPTS or "from" in block.marks) and "skip" not in block.marks:
                check_excerpt(block, self.clone, self.named)
                self.counts["excerpts"] += 1
        for number in range(len(blocks)):
            block = list(blocks_of(self.text, self.mark))[number]  # anew: an output may have been corrected
            if "skip" in block.marks:
                self.counts["skipped"] += 1
            elif block.language == "sh":
                print(f"{self.name}:{block.line}: {block.text.strip().splitlines()[0]}", flush=True)
                shell.run(block)
                self.counts["sh"] += 1
            elif "output" in block.marks:
                self.check_output(block, shell)
        shell.check_background()
        if not self.rewrites:
            check_times(self.as_found, "".join(b.text for b in blocks_of(self.as_found, self.mark) if "output" in b.marks))
        print(f"{self.name}: {self.counts['sh']} shell blocks run, {self.counts['outputs']} outputs compared, "
              f"{self.counts['excerpts']} excerpts found, {self.counts['skipped']} skipped")
        return self.named or self.counts["sh"] > 0


def check_page(name, source, mark, named=False, rewrites=False):
    """What is wrong with a page is printed, or, as far as outputs go, corrected in the source. The exit status."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="bine-page-"))
    shell = None
    try:
        clone = clone_into(folder, source)
        shell = Shell(clone)
        page = Page(name, clone, mark, named, rewrites)
        good = page.check(shell)
        if rewrites and page.text != page.as_found:
            (source / name).write_text(page.text, encoding="utf-8")
            print(f"{name}: outputs are corrected. Read the page again: it may speak of what was there before")
        return 0 if good else 1
    except Wrong as wrong:
        print(f"{name}: {wrong}")
        return 1
    finally:
        if shell:
            shell.end_all()
        shutil.rmtree(folder, ignore_errors=True)


def check_that_it_finds(good, spoilings, files, mark, named=False):
    """For a self-test: `good` passes, and spoiled in each way it does not. `files` are beside it."""
    with tempfile.TemporaryDirectory() as name:
        source = pathlib.Path(name)
        pages = {"good.md": good}
        for number, (text, instead) in enumerate(spoilings):
            if text not in good:
                sys.exit(f"the good page holds no {text!r} that could be spoiled")
            pages[f"bad{number}.md"] = good.replace(text, instead)
        for path, text in {**files, **pages}.items():
            (source / path).parent.mkdir(parents=True, exist_ok=True)
            (source / path).write_text(text, encoding="utf-8")
        git = ["git", "-C", name, "-c", "user.name=test", "-c", "user.email=test@localhost"]
        for command in (["init", "--quiet"], ["add", "."], ["commit", "--quiet", "-m", "pages"]):
            subprocess.run([*git, *command], check=True)
        wrong = [page for page in pages if (check_page(page, source, mark, named) == 0) != (page == "good.md")]
    print(f"wrongly judged: {wrong}" if wrong else f"{len(spoilings)} spoiled pages found")
    return 1 if wrong else 0
