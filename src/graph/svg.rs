//! A drawing as SVG: attributes alone, no style sheet and no script, so that every viewer shows the same.

use std::fmt::Write as _;

use super::drawing::{Drawing, Font, Line, Shape, Stroke, Text};

const MONO: &str = "ui-monospace, 'Cascadia Mono', Menlo, Consolas, 'DejaVu Sans Mono', 'Liberation Mono', monospace";
const SANS: &str =
    "'Segoe UI', 'Helvetica Neue', Arial, 'Liberation Sans', 'DejaVu Sans', sans-serif";

/// Writes a drawing.
pub fn svg(drawing: &Drawing) -> String {
    let Drawing { width, height, title, shapes, lines, dots, texts } = drawing;
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" \
         viewBox=\"0 0 {width} {height}\" role=\"img\">\n<title>{0}</title>\n\
         <rect width=\"{width}\" height=\"{height}\" fill=\"#ffffff\"/>\n",
        escape(title)
    );
    shapes.iter().for_each(|shape| out.push_str(&boxed(shape)));
    lines.iter().for_each(|line| out.push_str(&lined(line)));
    for (x, y, colour) in dots {
        put(
            &mut out,
            format_args!("<circle cx=\"{x}\" cy=\"{y}\" r=\"2.6\" fill=\"{colour}\"/>\n"),
        );
    }
    texts.iter().for_each(|text| out.push_str(&written(text)));
    out.push_str("</svg>\n");
    out
}

fn put(out: &mut String, words: std::fmt::Arguments<'_>) {
    // Writing to a string can't fail.
    out.write_fmt(words).ok();
}

fn boxed(shape: &Shape) -> String {
    let Shape { rect, fill, edge, weight, round, tip, .. } = shape;
    let tip = tip.as_ref().map(|tip| format!("<title>{}</title>", escape(tip)));
    format!(
        "<rect x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" rx=\"{round}\" fill=\"{fill}\" \
         stroke=\"{edge}\" stroke-width=\"{weight}\">{}</rect>\n",
        rect.x,
        rect.y,
        rect.w,
        rect.h,
        tip.unwrap_or_default()
    )
}

fn lined(line: &Line) -> String {
    let points: Vec<String> = line.points.iter().map(|(x, y)| format!("{x},{y}")).collect();
    let dashes = match line.stroke {
        Stroke::Solid => "",
        Stroke::Dashed => " stroke-dasharray=\"6 3\"",
        Stroke::Dotted => " stroke-dasharray=\"1.5 3\"",
    };
    let colour = line.colour;
    let mut out = format!(
        "<polyline points=\"{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"1.4\"{dashes}/>\n",
        points.join(" ")
    );
    if let (true, [.., before, end]) = (line.arrow, line.points.as_slice()) {
        put(&mut out, format_args!("<path d=\"{}\" fill=\"{colour}\"/>\n", head(*before, *end)));
    }
    out
}

/// The head of an arrow that arrives at `end`.
fn head(before: (i32, i32), end: (i32, i32)) -> String {
    let (x, y) = end;
    let (dx, dy) = ((x - before.0).signum(), (y - before.1).signum());
    let (bx, by) = (x - 7 * dx, y - 7 * dy);
    format!("M{x} {y}L{} {}L{} {}z", bx - 3 * dy, by - 3 * dx, bx + 3 * dy, by + 3 * dx)
}

fn written(text: &Text) -> String {
    let Font { size, mono, bold, colour } = text.font;
    let family = if mono { MONO } else { SANS };
    let weight = if bold { " font-weight=\"bold\"" } else { "" };
    format!(
        "<text x=\"{}\" y=\"{}\" font-family=\"{family}\" font-size=\"{size}\"{weight} fill=\"{colour}\" \
         xml:space=\"preserve\">{}</text>\n",
        text.x,
        text.y,
        escape(&text.text)
    )
}

/// Text as XML takes it: what would be read as markup is named, and what XML forbids is replaced.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '\n' | '\t' | '\r' => out.push(' '),
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_read_as_markup() {
        assert_eq!(
            escape("a<b> & \"c\" 'd'\u{1}\n"),
            "a&lt;b&gt; &amp; &quot;c&quot; &#39;d&#39;\u{fffd} "
        );
    }

    #[test]
    fn heads_point_where_the_line_goes() {
        assert_eq!(head((0, 5), (20, 5)), "M20 5L13 2L13 8z");
        assert_eq!(head((5, 0), (5, 20)), "M5 20L2 13L8 13z");
    }
}
