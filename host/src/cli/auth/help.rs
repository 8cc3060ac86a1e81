//! What `nervure auth --help` prints: the table.

use super::table::{COMMANDS, Command};

/// Column at which the explanations of flags start.
const COLUMN: usize = 32;

/// All commands.
pub(super) fn all() -> String {
    let mut text = "\nUsage: nervure auth COMMAND\n\n\
                    Makes and reads keys, passwords, tokens and credentials files.\n"
        .to_owned();
    COMMANDS.iter().for_each(|command| add(&mut text, command));
    text.push_str(
        "\nA FILE that is to be read may be -, which is standard input. Files that are written\n\
         must be new and are readable by their owner only.\n\n",
    );
    text
}

/// One command.
pub(super) fn one(command: &Command) -> String {
    let flags = if command.flags.is_empty() { "" } else { " [flags]" };
    let mut text = format!("\nUsage: nervure auth {}{flags}\n", command.shown());
    add(&mut text, command);
    text.push('\n');
    text
}

fn add(text: &mut String, command: &Command) {
    text.push_str(&format!("\n{}\n", command.shown()));
    for line in command.about.lines() {
        text.push_str(&format!("    {line}\n"));
    }
    for flag in command.flags {
        let mut left = flag.shown();
        for line in flag.about.lines() {
            let width = COLUMN - 4;
            text.push_str(&format!("    {left:<width$}{line}\n"));
            left.clear();
        }
    }
}
