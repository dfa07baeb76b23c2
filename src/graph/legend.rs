//! The legend: what each kind of line, box and word means.

use super::drawing::{CODE, Drawing, Line, NOTE, PROSE, Rect, Role, Shape, Stroke};

/// The height of the legend of the contract.
pub const HEIGHT: i32 = 108;

/// Draws the legend of the contract, from a left upper corner.
pub fn contract(drawing: &mut Drawing, x: i32, y: i32) {
    let ink = "#37474f";
    let lines = [
        (Stroke::Solid, "request: from its caller, to the one who answers"),
        (Stroke::Dashed, "event: from its publisher, to its subscribers"),
        (Stroke::Dotted, "audit record: from its publisher into the trail"),
    ];
    for (row, (stroke, words)) in (0..).zip(lines) {
        let y = y + 12 + 24 * row;
        let points = vec![(x, y), (x + 46, y)];
        drawing.lines.push(Line { points, colour: ink, stroke, arrow: true });
        drawing.write(x + 58, y + 4, words, PROSE);
    }
    let x = x + 430;
    let rows = [
        ("q.name", "a queue group: one instance of the service gets each message"),
        ("every instance", "no queue group: each instance gets each message"),
        ("pulls name", "a consumer: messages wait until they are acknowledged"),
    ];
    for (row, (word, words)) in (0..).zip(rows) {
        let y = y + 16 + 24 * row;
        drawing.write(x, y, word, NOTE);
        drawing.write(x + 110, y, words, PROSE);
    }
    let rect = Rect { x, y: y + 76, w: 96, h: 20 };
    let shape = Shape {
        rect,
        role: Role::Leaf,
        fill: "#eef2f6",
        edge: "#7b8794",
        weight: 1,
        round: 6,
        tip: None,
    };
    drawing.shapes.push(shape);
    drawing.write(x + 10, y + 90, "stream NAME", CODE);
    drawing.write(
        x + 110,
        y + 90,
        "a stream around its subjects, or a bucket around its keys",
        PROSE,
    );
}
