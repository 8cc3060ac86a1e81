//! Charts for people, as SVG without script or font of its own.
//!
//! [`comparison`]: a bar for each load and contestant, as long as the number of times it is better
//! than nats-server in messages a second, and beside it in CPU a message. [`growth`]: messages a
//! second as subscriptions or connections grow.

use std::fmt::Write;

use crate::report::{Block, Report, short};
use crate::sample::Metric;
use crate::servers::NATS_SERVER;

const WIDTH: f64 = 860.0;

/// Place of the bars: left of them are the names, right of them the figures.
const LEFT: f64 = 130.0;

/// Height of a bar with its gap.
const ROW: f64 = 15.0;

/// Colours of contestants in the order of the report. They can be told apart on light and dark
/// pages, and by people who see few colours.
const COLOURS: [&str; 5] = ["#767676", "#0b7a75", "#d1793b", "#6c63b5", "#b8478f"];

/// Families of loads that differ in a number behind the last dash, and what the number counts.
const FAMILIES: [(&str, &str); 2] =
    [("subs-", "subscriptions"), ("conns-", "receiving connections")];

struct Drawing {
    body: String,
    height: f64,
}

impl Drawing {
    fn text(&mut self, x: f64, y: f64, anchor: &str, text: &str) {
        let _ = writeln!(
            self.body,
            r#"<text x="{x:.1}" y="{y:.1}" text-anchor="{anchor}">{}</text>"#,
            text.replace('&', "&amp;").replace('<', "&lt;")
        );
    }

    fn bar(&mut self, x: f64, y: f64, width: f64, colour: &str) {
        let (width, height) = (width.max(1.0), ROW - 4.0);
        let _ = writeln!(
            self.body,
            r#"<rect x="{x:.1}" y="{y:.1}" width="{width:.1}" height="{height:.1}" fill="{colour}"/>"#
        );
    }

    fn line(&mut self, points: &[(f64, f64)], colour: &str) {
        let points: Vec<String> = points.iter().map(|(x, y)| format!("{x:.1},{y:.1}")).collect();
        let points = points.join(" ");
        let _ = writeln!(
            self.body,
            r#"<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2"/>"#
        );
    }

    fn finish(self) -> String {
        let Self { body, height } = self;
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height:.0}\" \
             font-family=\"sans-serif\" font-size=\"11\" fill=\"#767676\">\n{body}</svg>\n"
        )
    }
}

fn colour(at: usize) -> &'static str {
    COLOURS.get(at % COLOURS.len()).copied().unwrap_or("#767676")
}

/// Names of all contestants, in order.
fn contestants(report: &Report) -> Vec<&str> {
    let mut names: Vec<&str> = Vec::new();
    for (name, _) in report.blocks.iter().flat_map(|block| &block.entries) {
        if !names.contains(&name.as_str()) {
            names.push(name);
        }
    }
    names
}

fn legend(drawing: &mut Drawing, names: &[&str], y: f64) {
    let mut x = LEFT;
    for (at, name) in names.iter().enumerate() {
        drawing.bar(x, y - 9.0, 11.0, colour(at));
        drawing.text(x + 16.0, y, "start", name);
        x += 110.0;
    }
}

/// A comparison of all loads that have a rate.
pub(crate) fn comparison(report: &Report) -> String {
    let names = contestants(report);
    let columns = [(Metric::Rate, "messages a second"), (Metric::ServerCpu, "CPU a message")];
    let width = (WIDTH - LEFT) / 2.0;
    let mut drawing = Drawing { body: String::new(), height: 46.0 };
    legend(&mut drawing, &names, 16.0);
    for (column, (_, title)) in columns.iter().enumerate() {
        let title = format!("{title}: times better than nats-server");
        drawing.text(LEFT + width * column as f64, 36.0, "start", &title);
    }
    let ratios = |block: &Block, metric| -> Vec<(usize, f64)> {
        let entries = block.entries.iter();
        let ratio = |(name, entry): &(String, _)| {
            let at = names.iter().position(|known| known == name)?;
            (name != NATS_SERVER).then_some((at, block.ratio(entry, metric)?))
        };
        entries.filter_map(ratio).collect()
    };
    let best = |metric| {
        let all = report.blocks.iter().flat_map(|block| ratios(block, metric));
        all.map(|(_, ratio)| ratio).fold(1.0, f64::max)
    };
    let best = columns.map(|(metric, _)| best(metric));
    for block in &report.blocks {
        let rows = ratios(block, Metric::Rate).len();
        if rows == 0 {
            continue;
        }
        drawing.text(LEFT - 8.0, drawing.height + 9.0, "end", &block.load);
        for ((column, (metric, _)), best) in columns.iter().enumerate().zip(best) {
            let x = LEFT + width * column as f64;
            for (row, (at, ratio)) in ratios(block, *metric).into_iter().enumerate() {
                let y = drawing.height + ROW * row as f64;
                let length = ratio / best * (width - 50.0);
                drawing.bar(x, y, length, colour(at));
                drawing.text(x + length + 4.0, y + 9.0, "start", &format!("{ratio:.1}"));
            }
        }
        drawing.height += ROW * rows as f64 + 6.0;
    }
    drawing.finish()
}

/// A chart for each family of loads that grows; `None` when no family has two members.
pub(crate) fn growth(report: &Report) -> Option<String> {
    let names = contestants(report);
    let mut drawing = Drawing { body: String::new(), height: 30.0 };
    legend(&mut drawing, &names, 16.0);
    let mut drawn = false;
    for (prefix, what) in FAMILIES {
        let member = |block: &'_ Block| block.load.strip_prefix(prefix)?.parse::<f64>().ok();
        let members: Vec<(f64, &Block)> =
            report.blocks.iter().filter_map(|block| Some((member(block)?, block))).collect();
        if members.len() > 1 {
            family(&mut drawing, &names, &members, what);
            drawn = true;
        }
    }
    drawn.then(|| drawing.finish())
}

/// One chart, both axes logarithmic.
fn family(drawing: &mut Drawing, names: &[&str], members: &[(f64, &Block)], what: &str) {
    const HEIGHT: f64 = 200.0;
    let rate = |block: &Block, name: &str| block.entry(name)?.median(Metric::Rate);
    let rates = members.iter().flat_map(|(_, block)| {
        names.iter().filter_map(|name| rate(block, name)).filter(|rate| *rate > 0.0)
    });
    let (low, high) =
        rates.fold((f64::MAX, 1.0), |(low, high), rate| (rate.min(low), rate.max(high)));
    let (first, last) = (members[0].0, members[members.len() - 1].0);
    let top = drawing.height + 30.0;
    let share = |value: f64, low: f64, high: f64| {
        if high > low { (value / low).ln() / (high / low).ln() } else { 0.5 }
    };
    let x = |count: f64| LEFT + share(count, first, last) * (WIDTH - LEFT - 90.0);
    let y = |rate: f64| top + (1.0 - share(rate, low, high)) * HEIGHT;
    for (count, block) in members {
        label(drawing, x(*count), names.iter().filter_map(|name| rate(block, name)), y);
    }
    drawing.text(LEFT, top - 14.0, "start", &format!("messages a second over {what}"));
    for (count, _) in members {
        drawing.text(x(*count), top + HEIGHT + 18.0, "middle", &format!("{count}"));
    }
    for (at, name) in names.iter().enumerate() {
        let points: Vec<(f64, f64)> = members
            .iter()
            .filter_map(|(count, block)| Some((x(*count), y(rate(block, name)?))))
            .collect();
        drawing.line(&points, colour(at));
    }
    drawing.height = top + HEIGHT + 30.0;
}

/// Writes figures beside their points, from the highest down, none over another.
fn label(
    drawing: &mut Drawing,
    x: f64,
    figures: impl Iterator<Item = f64>,
    y: impl Fn(f64) -> f64,
) {
    let mut figures: Vec<f64> = figures.collect();
    figures.sort_by(|left, right| right.total_cmp(left));
    let mut lowest = f64::MIN;
    for figure in figures {
        lowest = (y(figure) - 4.0).max(lowest + 12.0);
        drawing.text(x + 4.0, lowest, "start", &short(figure));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::Sample;
    use crate::servers::NERVURE;

    fn report(loads: &[&str]) -> Report {
        let mut report = Report::default();
        for load in loads {
            for (name, rate) in [(NATS_SERVER, 1e6), (NERVURE, 4e6)] {
                let mut sample = Sample::default();
                sample.add(Metric::Rate, rate);
                sample.add(Metric::ServerCpu, 1e9 / rate);
                report.add(load, name, Ok(sample));
            }
        }
        report
    }

    #[test]
    fn a_comparison_has_a_bar_for_rate_and_cpu_of_each_load() {
        let svg = comparison(&report(&["1to1-16B", "8to8"]));
        let bars = svg.matches(&format!("height=\"11.0\" fill=\"{}\"", COLOURS[1])).count();
        assert_eq!((bars, svg.matches(">4.0<").count()), (5, 4), "{svg}");
        assert!(svg.ends_with("</svg>\n") && svg.contains(">8to8<"));
    }

    #[test]
    fn growth_needs_two_members_of_a_family() {
        assert_eq!(growth(&report(&["1to1-16B", "subs-1000"])), None);
        let svg = growth(&report(&["subs-1000", "subs-10000", "8to8"])).unwrap();
        assert_eq!(svg.matches("<polyline").count(), 2, "{svg}");
        assert!(svg.contains("over subscriptions") && !svg.contains("NaN"), "{svg}");
    }
}
