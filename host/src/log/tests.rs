//! Checklist items 47 to 49, 58, 59 and 117 of the reference's chapter 7.

use std::fs;
use std::io::{Read, pipe};
use std::os::unix::fs::PermissionsExt;
use std::time::Instant;

use super::*;

/// A directory of this test's own, gone afterwards.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        let dir = std::env::temp_dir().join(format!("nervure-log-{}-{name}", std::process::id()));
        fs::create_dir_all(&dir).unwrap();
        Self(dir)
    }

    fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(&self.0)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn to_file(path: &Path) -> LogOptions {
    LogOptions { file: Some(path.to_owned()), ..LogOptions::default() }
}

/// Replaces every digit by `0`.
fn form(line: &str) -> String {
    line.chars().map(|char| if char.is_ascii_digit() { '0' } else { char }).collect()
}

#[test]
fn a_line_has_pid_time_to_the_microsecond_level_and_text() {
    let scratch = Scratch::new("form");
    let path = scratch.0.join("x.log");
    let logger = Logger::open(&to_file(&path)).unwrap();
    logger.info(format_args!("Server is {}", "ready"));
    logger.debug(format_args!("not shown"));
    logger.trace(format_args!("not shown"));
    logger.warn(format_args!("w"));
    logger.error(format_args!("e"));
    logger.fatal(format_args!("f"));
    let text = fs::read_to_string(&path).unwrap();
    let pid = std::process::id();
    let lines: Vec<String> =
        text.lines().map(|line| form(line.strip_prefix(&format!("[{pid}] ")).unwrap())).collect();
    let stamp = "0000/00/00 00:00:00.000000";
    assert_eq!(
        lines,
        [
            format!("{stamp} [INF] Server is ready"),
            format!("{stamp} [WRN] w"),
            format!("{stamp} [ERR] e"),
            format!("{stamp} [FTL] f")
        ]
    );
    assert!(text.ends_with("f\n"));
    let mode = fs::metadata(&path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode & !0o640, 0, "{mode:o}");
}

#[test]
fn levels_and_form_switch_while_running() {
    let scratch = Scratch::new("switch");
    let path = scratch.0.join("x.log");
    let mut options = LogOptions { logtime: false, ..to_file(&path) };
    let logger = Logger::open(&options).unwrap();
    let clone = logger.clone();
    (options.debug, options.trace) = (true, true);
    logger.set_options(&options).unwrap();
    assert!(clone.debug_enabled() && clone.trace_enabled());
    clone.debug(format_args!("d"));
    clone.trace(format_args!("t"));
    options.debug = false;
    logger.set_options(&options).unwrap();
    clone.debug(format_args!("gone"));
    let pid = std::process::id();
    let text = fs::read_to_string(&path).unwrap();
    assert_eq!(text, format!("[{pid}] [DBG] d\n[{pid}] [TRC] t\n"));
}

#[test]
fn colours_stand_inside_the_brackets() {
    let mut state = State {
        pid: 7,
        logtime: false,
        colour: true,
        stamp: Stamp::new(true),
        sink: Sink::Discard,
        line: Vec::new(),
    };
    let rows = [
        (Level::Info, "\x1b[32mINF\x1b[0m"),
        (Level::Debug, "\x1b[36mDBG\x1b[0m"),
        (Level::Warn, "\x1b[0;93mWRN\x1b[0m"),
        (Level::Error, "\x1b[31mERR\x1b[0m"),
        (Level::Fatal, "\x1b[31mFTL\x1b[0m"),
        (Level::Trace, "\x1b[33mTRC\x1b[0m"),
    ];
    for (level, shown) in rows {
        state.assemble(level, format_args!("x"), "\n");
        assert_eq!(state.line, format!("[7] [{shown}] x\n").as_bytes());
    }
}

#[test]
fn a_reload_moves_the_log_and_a_bad_path_changes_nothing() {
    let scratch = Scratch::new("move");
    let (one, two) = (scratch.0.join("one"), scratch.0.join("two"));
    let logger = Logger::open(&to_file(&one)).unwrap();
    logger.set_options(&to_file(&two)).unwrap();
    logger.info(format_args!("in two"));
    let bad = LogOptions { trace: true, ..to_file(&scratch.0.join("none/x")) };
    let error = logger.set_options(&bad).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "error opening file: open {}: no such file or directory",
            bad.file.unwrap().display()
        )
    );
    assert!(
        form(&error.startup_line()).starts_with("0000/00/00 00:00:00 error opening file: open")
    );
    assert!(!logger.trace_enabled());
    logger.info(format_args!("still in two"));
    assert_eq!(fs::read_to_string(&one).unwrap(), "");
    assert_eq!(fs::read_to_string(&two).unwrap().lines().count(), 2);
}

#[test]
fn after_a_rename_reopening_makes_a_new_file_that_says_so() {
    let scratch = Scratch::new("reopen");
    let path = scratch.0.join("x.log");
    let logger = Logger::open(&to_file(&path)).unwrap();
    logger.info(format_args!("old"));
    fs::rename(&path, scratch.0.join("moved")).unwrap();
    logger.info(format_args!("still old"));
    logger.reopen();
    let text = fs::read_to_string(&path).unwrap();
    assert_eq!(text.lines().count(), 1);
    assert!(text.ends_with(" [INF] File log re-opened\n"), "{text}");
    assert_eq!(fs::read_to_string(scratch.0.join("moved")).unwrap().lines().count(), 2);
}

#[test]
fn a_file_above_its_limit_is_rotated_and_old_ones_are_purged() {
    let scratch = Scratch::new("rotate");
    let path = scratch.0.join("x.log");
    fs::write(scratch.0.join("x.log.backup"), "a stranger").unwrap();
    let options = LogOptions { size_limit: 150, max_num: 3, ..to_file(&path) };
    let logger = Logger::open(&options).unwrap();
    let line = "y".repeat(60);
    for _ in 0..12 {
        logger.info(format_args!("{line}"));
    }
    let names = scratch.names();
    assert_eq!(names.len(), 4, "{names:?}");
    assert_eq!(names[0], "x.log");
    for name in &names[1..3] {
        assert_eq!(form(name), "x.log.0000.00.00.00.00.00.000000000");
    }
    assert_eq!(names[3], "x.log.backup");
    // Each file begins with the line about its predecessor, which ends in CR LF.
    let oldest = fs::read_to_string(scratch.0.join(&names[1])).unwrap();
    let newest = fs::read_to_string(scratch.0.join(&names[2])).unwrap();
    let first = newest.split('\n').next().unwrap();
    let backup = scratch.0.join(&names[1]);
    let ending = format!("[INF] Rotated log, backup saved as \"{}\"\r", backup.display());
    assert!(first.ends_with(&ending), "{first}");
    assert!(newest.contains("[INF] Purged log file \""), "{newest}");
    assert!(oldest.len() > 150 && newest.len() > 150);
}

#[test]
fn a_rotation_that_fails_does_not_stop_the_log() {
    let scratch = Scratch::new("stuck");
    let path = scratch.0.join("x.log");
    let options = LogOptions { size_limit: 100, ..to_file(&path) };
    let logger = Logger::open(&options).unwrap();
    // The name vanishes, so that it cannot be renamed.
    fs::hard_link(&path, scratch.0.join("kept")).unwrap();
    fs::remove_file(&path).unwrap();
    for _ in 0..4 {
        logger.info(format_args!("{}", "z".repeat(60)));
    }
    let text = fs::read_to_string(scratch.0.join("kept")).unwrap();
    assert!(text.contains("[ERR] Unable to rotate log file: no such file or directory"), "{text}");
    assert_eq!(text.matches("zzz [").count() + text.matches("z\n").count(), 4, "{text}");
}

#[test]
fn a_pipe_gets_the_lines_in_order_and_uncoloured() {
    let (mut reader, writer) = pipe().unwrap();
    let logger = Logger::to_fd(writer.into(), &LogOptions::default());
    for number in 0..1000 {
        logger.info(format_args!("line {number}"));
    }
    logger.reopen();
    drop(logger);
    let mut text = String::new();
    reader.read_to_string(&mut text).unwrap();
    for (number, line) in text.lines().take(1000).enumerate() {
        assert!(line.ends_with(&format!(" [INF] line {number}")), "{line}");
    }
    assert!(text.ends_with("[INF] File log re-open ignored, not a file logger\n"));
}

#[test]
fn a_pipe_that_nobody_reads_costs_lines_and_nothing_else() {
    let (mut reader, writer) = pipe().unwrap();
    let logger = Logger::to_fd(writer.into(), &LogOptions::default());
    let line = "x".repeat(1000);
    let start = Instant::now();
    for _ in 0..3000 {
        logger.info(format_args!("{line}"));
    }
    logger.flush(Duration::from_millis(50));
    assert!(start.elapsed() < Duration::from_secs(5), "blocked");
    // A reader that comes late gets what was kept, and is told what was not.
    let reading = std::thread::spawn(move || {
        let mut text = String::new();
        reader.read_to_string(&mut text).unwrap();
        text
    });
    logger.flush(Duration::from_secs(10));
    logger.info(format_args!("after"));
    drop(logger);
    let text = reading.join().unwrap();
    let kept = text.lines().filter(|line| line.ends_with('x')).count();
    let lost: usize = text
        .lines()
        .filter_map(|line| line.split("[WRN] Dropped ").nth(1)?.strip_suffix(" log lines"))
        .map(|number| number.parse::<usize>().unwrap())
        .sum();
    assert!(lost > 0);
    assert_eq!(kept + lost, 3000);
    assert!(text.ends_with(" [INF] after\n"));
}

#[test]
fn a_closed_pipe_is_survived() {
    let (reader, writer) = pipe().unwrap();
    let logger = Logger::to_fd(writer.into(), &LogOptions::default());
    drop(reader);
    for _ in 0..100 {
        logger.info(format_args!("nobody hears this"));
        logger.flush(Duration::from_millis(100));
    }
}

#[test]
fn a_value_may_log_while_it_is_shown() {
    struct Chatty(Logger);
    impl fmt::Display for Chatty {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            self.0.info(format_args!("inner"));
            f.write_str("outer")
        }
    }
    let scratch = Scratch::new("chatty");
    let path = scratch.0.join("x.log");
    let logger = Logger::open(&to_file(&path)).unwrap();
    logger.info(format_args!("{}", Chatty(logger.clone())));
    let text = fs::read_to_string(&path).unwrap();
    let ends: Vec<&str> = text.lines().map(|line| line.rsplit(' ').next().unwrap()).collect();
    assert_eq!(ends, ["inner", "outer"]);
}
