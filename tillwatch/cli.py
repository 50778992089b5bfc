"""The command line: one module of this folder for each command, imported when it is asked for."""

from __future__ import annotations

import errno
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import click

from domain.errors import RecordError, TillwatchError
from domain.secrets import without_secrets
from domain.visible import visible, visible_lines
from tillwatch.file_modes import SHARED, hide_files, share_files
from tillwatch.settings import Settings, SettingsError, load
from tillwatch.start import INTERRUPTED, interrupt_in_order, loaded, main

__all__ = ["BAD_SETTINGS", "COMMANDS", "INTERRUPTED", "REFUSED", "Commands", "Invocation", "commands", "main", "run"]

COMMANDS = {
    "casework": "File alerts and causes in a database of cases, and check its audit.",
    "causes": "Show what many merchants of one agent, rep, channel or city show at once.",
    "channels": "Show the channels of notices, and try one.",
    "console": "Serve the pages of casework for analysts, and the API.",
    "contracts": "Compare a table of contracts' prices with the log, or put what changed into it.",
    "controls": "Publish settings of detectors, peers and profiles, in versions that are kept.",
    "dead-letters": "Look at records that were not counted, and forward them again.",
    "demo": "Show a live demonstration: simulated terminals, and what a worker finds.",
    "detectors": "Show what each detector found, and how much of it analysts confirmed.",
    "doctor": "Look for faults of settings, machine and log, and name the cure of each.",
    "evaluate": "Replay simulated traffic and compare the alerts with its known violations.",
    "explain": "Explain why a merchant's risk score changed.",
    "ingest": "Put events from a file of JSON lines, or standard input, into the log.",
    "intake": "Take events that programs post over HTTP into the log.",
    "merchants": "Compare a table of merchants with the log, or put what changed into it.",
    "model": "Train the anomaly model, measure it, and put versions of it in force.",
    "notices": "Try a routing file of notices against the last month.",
    "notify": "Plan notices of what stands in casework, and send them.",
    "peers": "Learn what merchants of each trade usually do.",
    "people": "Compare a table of reps, agents and analysts with the log, or put what changed into it.",
    "profiles": "Learn what merchants of each MCC do, from which miscoded merchants are recognised.",
    "replay": "Run a file of events through the monitor, without a log.",
    "score-series": "Score how unusual each value of the series in a CSV file is.",
    "simulate": "Write labelled, simulated traffic to files.",
    "state": "Inspect, back up or rebuild the monitor's state.",
    "stress": "Send sales at a fixed rate, and measure how long alerts about them take.",
    "tail": "Follow the alerts in the terminal.",
    "topics": "Make and check the log's topics, and show how far behind workers are.",
    "worker": "Read the log's events, and write alerts, scores and dead letters.",
}
"""Commands and their lines in `--help`; importing all modules for these lines would take seconds."""
HIDDEN = {"demo-feed": "demo.simulator_feed", "warm": "warm"}
"""Commands that only Tillwatch itself calls, and their modules."""
REFUSED = 3
"""The exit code of a table of which some rows were refused; the others were taken."""
BAD_SETTINGS = 2
"""The exit code of invalid settings, and of an invalid command line."""


@dataclass(frozen=True, slots=True)
class Invocation:
    """What was given before the command's name."""

    config: Path | None
    log_url: str | None

    def settings(self) -> Settings:
        """The settings; only now are they read, so that `--help` needs none. Raises SettingsError."""
        found = load(self.config, log_url=self.log_url)
        if found.file_mode == SHARED:
            share_files()
        return found


class Commands(click.Group):
    """A group that imports a command when it is asked for, and ends in one line on known failures."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  click's signature
        """Names of the commands that people call."""
        return list(COMMANDS)

    def get_command(
        self,
        ctx: click.Context,  # noqa: ARG002  click's signature
        cmd_name: str,
    ) -> click.Command | None:
        """The command, from the module of its name."""
        if cmd_name not in COMMANDS and cmd_name not in HIDDEN:
            return None
        module = HIDDEN.get(cmd_name, cmd_name.replace("-", "_"))
        command: click.Command = import_module(f"tillwatch.{module}").command
        loaded()
        interrupt_in_order()
        return command

    def format_commands(
        self,
        ctx: click.Context,  # noqa: ARG002  click's signature
        formatter: click.HelpFormatter,
    ) -> None:
        """Write the table of commands without importing any."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command: failures of the disk and errors of our own become one line, Ctrl-C becomes 130."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            click.echo("interrupted", err=True)
            ctx.exit(INTERRUPTED)
        except BrokenPipeError:
            raise
        except OSError as error:
            raise click.ClickException(visible(_words(error))) from error
        except RecordError:
            raise
        except click.ClickException as error:
            error.message = visible_lines(without_secrets(error.message))
            raise
        except TillwatchError as error:
            raise _ended(error) from error


def _words(error: OSError) -> str:
    if error.errno == errno.EBADF and not error.filename:
        return "standard input and output must be open, one of them is closed"
    return f"{error.filename}: {error.strerror or error}" if error.filename else error.strerror or str(error)


def _ended(error: TillwatchError) -> click.ClickException:
    """An error as the command's last line; faults of settings have a line each."""
    words = without_secrets(str(error))
    if not isinstance(error, SettingsError):
        return click.ClickException(visible(words))
    ended = click.ClickException(visible_lines(words))
    ended.exit_code = BAD_SETTINGS
    return ended


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--config",
    envvar="TILLWATCH_CONFIG",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Settings in TOML; ./tillwatch.toml by default, if there is one.",
)
@click.option("--log-url", metavar="URL", help="The log; overrides the setting log_url.")
@click.version_option(package_name="tillwatch")
@click.pass_context
def commands(ctx: click.Context, config: Path | None, log_url: str | None) -> None:
    """Tillwatch watches an acquirer's card transactions and reports which merchants to check, and why.

    \b
    Examples:
      tillwatch demo
      tillwatch simulate var/sim --merchants 1000 --days 7
      tillwatch replay var/sim/events.jsonl
    """
    ctx.obj = Invocation(config, log_url)


def run() -> int:
    """Run the command line, and return its exit code; whatever files it makes are this user's alone."""
    hide_files()
    try:
        code = commands.main(prog_name="tillwatch", standalone_mode=False)
    except click.Abort as error:
        raise KeyboardInterrupt from error
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except BrokenPipeError:
        return 1
    return code if isinstance(code, int) else 0
