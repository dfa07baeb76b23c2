//! What a picture consists of: boxes, texts and lines with their places, in whole pixels.

/// A place with its extent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rect {
    /// The left edge.
    pub x: i32,
    /// The upper edge.
    pub y: i32,
    /// The width.
    pub w: i32,
    /// The height.
    pub h: i32,
}

impl Rect {
    /// The right edge.
    pub fn right(self) -> i32 {
        self.x + self.w
    }

    /// The lower edge.
    pub fn bottom(self) -> i32 {
        self.y + self.h
    }

    /// The middle of its height.
    pub fn middle(self) -> i32 {
        self.y + self.h / 2
    }

    /// Whether another lies inside, edges included.
    pub fn holds(self, other: Self) -> bool {
        self.x <= other.x
            && self.y <= other.y
            && other.right() <= self.right()
            && other.bottom() <= self.bottom()
    }

    /// Whether both share more than an edge.
    pub fn meets(self, other: Self) -> bool {
        self.x < other.right()
            && other.x < self.right()
            && self.y < other.bottom()
            && other.y < self.bottom()
    }
}

/// What a box is to others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// It may hold other boxes, and lines may enter it.
    Frame,
    /// It holds texts alone, and no line passes through it.
    Leaf,
}

/// A box.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shape {
    /// Where.
    pub rect: Rect,
    /// What it is to others.
    pub role: Role,
    /// The colour inside.
    pub fill: &'static str,
    /// The colour of its edge.
    pub edge: &'static str,
    /// The width of its edge.
    pub weight: i32,
    /// How round its corners are.
    pub round: i32,
    /// What is told when somebody points at it.
    pub tip: Option<String>,
}

/// How a text looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Font {
    /// Its height.
    pub size: i32,
    /// Whether all characters have one width.
    pub mono: bool,
    /// Whether it is bold.
    pub bold: bool,
    /// Its colour.
    pub colour: &'static str,
}

/// Names and subjects.
pub const CODE: Font = Font { size: 11, mono: true, bold: false, colour: "#1f2933" };
/// Names of services and nodes.
pub const NAME: Font = Font { size: 12, mono: true, bold: true, colour: "#1f2933" };
/// Small words beside something.
pub const NOTE: Font = Font { size: 10, mono: true, bold: false, colour: "#52606d" };
/// Sentences.
pub const PROSE: Font = Font { size: 12, mono: false, bold: false, colour: "#3e4c59" };
/// The title of a picture.
pub const TITLE: Font = Font { size: 22, mono: false, bold: true, colour: "#1f2933" };
/// Text on a dark band.
pub const BAND: Font = Font { size: 15, mono: false, bold: true, colour: "#ffffff" };
/// Sentences on a dark band.
pub const BAND_NOTE: Font = Font { size: 11, mono: false, bold: false, colour: "#ffffff" };

impl Font {
    /// The room that a text needs, at most: fonts differ from reader to reader, so it is reckoned generously.
    pub fn width(self, text: &str) -> i32 {
        let thousandths = match (self.mono, self.bold) {
            (true, _) => 615,
            (false, false) => 610,
            (false, true) => 700,
        };
        let count = i32::try_from(text.chars().count()).unwrap_or(i32::MAX / 1_000_000);
        (count * self.size * thousandths).div_euclid(1000) + 1
    }

    /// The text, cut so that it needs no more room than this.
    pub fn fit(self, text: &str, room: i32) -> String {
        if self.width(text) <= room {
            return text.to_owned();
        }
        let mut cut: Vec<char> = text.chars().collect();
        while let Some(_dropped) = cut.pop() {
            let shown = format!("{}\u{2026}", cut.iter().collect::<String>().trim_end());
            if self.width(&shown) <= room {
                return shown;
            }
        }
        String::new()
    }
}

/// A text; its place is the left end of its base line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Text {
    /// The left end.
    pub x: i32,
    /// The base line.
    pub y: i32,
    /// What it says.
    pub text: String,
    /// How it looks.
    pub font: Font,
}

impl Text {
    /// The room that it takes.
    pub fn rect(&self) -> Rect {
        let Font { size, .. } = self.font;
        Rect { x: self.x, y: self.y - size * 4 / 5, w: self.font.width(&self.text), h: size }
    }
}

/// How a line is drawn. It tells the kind without any colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stroke {
    /// Requests.
    Solid,
    /// Events.
    Dashed,
    /// Audit records.
    Dotted,
}

/// A line through points, each straight above, below or beside the last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// The points.
    pub points: Vec<(i32, i32)>,
    /// The colour.
    pub colour: &'static str,
    /// How it is drawn.
    pub stroke: Stroke,
    /// Whether it ends in an arrow.
    pub arrow: bool,
}

/// A picture.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Drawing {
    /// The width of all of it.
    pub width: i32,
    /// The height of all of it.
    pub height: i32,
    /// What it is a picture of.
    pub title: String,
    /// Boxes, from the back to the front.
    pub shapes: Vec<Shape>,
    /// Lines, above the boxes.
    pub lines: Vec<Line>,
    /// Where lines branch.
    pub dots: Vec<(i32, i32, &'static str)>,
    /// Texts, above everything.
    pub texts: Vec<Text>,
}

impl Drawing {
    /// Adds a text.
    pub fn write(&mut self, x: i32, y: i32, text: impl Into<String>, font: Font) {
        self.texts.push(Text { x, y, text: text.into(), font });
    }

    /// Adds everything of another, moved.
    pub fn paste(&mut self, other: Self, x: i32, y: i32) {
        self.shapes.extend(other.shapes.into_iter().map(|mut shape| {
            (shape.rect.x, shape.rect.y) = (shape.rect.x + x, shape.rect.y + y);
            shape
        }));
        self.lines.extend(other.lines.into_iter().map(|mut line| {
            line.points.iter_mut().for_each(|point| *point = (point.0 + x, point.1 + y));
            line
        }));
        self.dots.extend(other.dots.into_iter().map(|(dx, dy, colour)| (dx + x, dy + y, colour)));
        self.texts.extend(other.texts.into_iter().map(|mut text| {
            (text.x, text.y) = (text.x + x, text.y + y);
            text
        }));
    }
}
