//! README's commands, as they are printed there.

use std::fs;
use std::path::Path;

use harness::Scratch;

use super::run_in;

const EXPLAINED: &str = r#"
accounts {
  SHOP {
    users: [{ user: shop, password: p, permissions: { subscribe: "order.>" } }]
    exports: [{ stream: "order.>" }]
  }
  STOCK { imports: [{ stream: { account: SHOP, subject: "order.new" }, prefix: shop }] }
}
"#;

#[test]
fn the_explanation_of_the_readme_is_what_comes() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../README.md");
    let readme = fs::read_to_string(path).expect("README can be read");
    let (_, rest) = readme.split_once("\nnervure auth explain ").expect("a command");
    let (command, rest) = rest.split_once('\n').expect("a line");
    let (_, answer) = rest.split_once("```text\n").expect("an answer");
    let (answer, _) = answer.split_once("```").expect("the answer ends");
    let scratch = Scratch::new();
    fs::write(scratch.path().join("nervure.conf"), EXPLAINED).expect("a file");
    let command = format!("explain {}", command.replace('"', ""));
    let ended = run_in(scratch.path(), command.split_whitespace(), "");
    assert_eq!((ended.code, ended.stderr.as_str(), &*ended.stdout), (Some(0), "", answer));
}

#[test]
fn the_commands_of_the_readme_make_a_user_who_is_what_they_say() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../README.md");
    let readme = fs::read_to_string(path).expect("README can be read");
    let (_, section) = readme.split_once("## Keys, passwords and tokens").expect("a section");
    let (section, _) = section.split_once("\n## ").expect("the section ends");
    let scratch = Scratch::new();
    let mut shown = String::new();
    let (section, _) = section.split_once("nervure auth explain").expect("explain comes last");
    let commands = section.lines().filter_map(|line| line.strip_prefix("nervure auth "));
    for line in commands {
        let (command, _comment) = line.split_once('#').unwrap_or((line, ""));
        let ended =
            run_in(scratch.path(), command.replace('"', "").split_whitespace(), "a password\n");
        assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""), "{command}: {ended:?}");
        shown = ended.stdout;
    }
    for line in ["type       user", "name       \"alice\"", "signature  good", "issues     none"] {
        assert!(shown.lines().any(|shown| shown == line), "no {line:?} in\n{shown}");
    }
    assert!(shown.contains("seed       that of the subject") && shown.contains("\"app.>\""));
}
