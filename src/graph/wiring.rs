//! Lines between a column of services and a column of ports: each service has a lane of its own in the gutter
//! between both, so that lines run straight, cross only at right angles, and never go through a box.

use super::drawing::{Drawing, Line, Stroke};

/// The distance between two lanes.
pub const LANE: i32 = 9;

/// The room on both sides of the lanes.
pub const MARGIN: i32 = 16;

/// A service's end of its lines.
#[derive(Debug, Clone)]
pub struct Plug {
    /// The height at which its line leaves or arrives.
    pub y: i32,
    /// The colour of its lines.
    pub colour: &'static str,
    /// The ports at the other side, each with the way its line is drawn.
    pub ports: Vec<(i32, Stroke)>,
}

/// The gutter between two columns.
#[derive(Debug, Clone, Copy)]
pub struct Gutter {
    /// The edge of the services.
    pub services: i32,
    /// The edge of the ports.
    pub ports: i32,
    /// Whether lines go from services to ports; otherwise they come from there.
    pub outward: bool,
}

/// How wide a gutter must be.
pub fn width(services: usize) -> i32 {
    2 * MARGIN + LANE * i32::try_from(services.max(1) - usize::from(services > 0)).unwrap_or(0)
}

/// Draws the lines of every service.
pub fn wire(drawing: &mut Drawing, gutter: Gutter, plugs: &[Plug]) {
    let toward = if gutter.services < gutter.ports { 1 } else { -1 };
    for (lane, plug) in (0..).zip(plugs) {
        let x = gutter.services + toward * (MARGIN + LANE * lane);
        trunk(drawing, gutter, plug, x);
        for (port, stroke) in &plug.ports {
            let (from, to) = ((x, *port), (gutter.ports, *port));
            let points = if gutter.outward { vec![from, to] } else { vec![to, from] };
            let line = Line { points, colour: plug.colour, stroke: *stroke, arrow: gutter.outward };
            drawing.lines.push(line);
        }
    }
}

/// The part that all lines of a service share, with a dot where each branches.
fn trunk(drawing: &mut Drawing, gutter: Gutter, plug: &Plug, x: i32) {
    let heights = || plug.ports.iter().map(|(y, _)| *y).chain([plug.y]);
    let (Some(top), Some(bottom)) = (heights().min(), heights().max()) else {
        return;
    };
    if plug.ports.is_empty() {
        return;
    }
    let solid = |points, arrow| Line { points, colour: plug.colour, stroke: Stroke::Solid, arrow };
    let (service, lane) = ((gutter.services, plug.y), (x, plug.y));
    let stub = if gutter.outward { vec![service, lane] } else { vec![lane, service] };
    drawing.lines.push(solid(stub, !gutter.outward));
    if top < bottom {
        drawing.lines.push(solid(vec![(x, top), (x, bottom)], false));
    }
    let inner = |y: i32| (top < y && y < bottom) || plug.ports.len() > 1 && y == plug.y;
    drawing.dots.extend(heights().filter(|y| inner(*y)).map(|y| (x, y, plug.colour)));
}

/// Places boxes of one height in the order of their wishes, as near to them as they can be without touching.
pub fn spread(wishes: &[i32], height: i32, gap: i32, top: i32, bottom: i32) -> Vec<i32> {
    let mut places: Vec<i32> = Vec::new();
    for wish in wishes {
        let free = places.last().map_or(top, |last| last + height + gap);
        places.push((*wish).max(free));
    }
    let mut limit = bottom;
    for place in places.iter_mut().rev() {
        *place = (*place).min(limit - height);
        limit = *place - gap;
    }
    // Where the room is too small, growing downwards is better than leaving the top.
    let mut free = top;
    for place in &mut places {
        *place = (*place).max(free);
        free = *place + height + gap;
    }
    places
}

/// A height near the middle of a box at which no other line runs.
pub fn quiet(top: i32, height: i32, busy: &[i32]) -> i32 {
    let middle = top + height / 2;
    let mut tried = (0..height / 2 - 3).flat_map(|step| [middle - step, middle + step]);
    tried.find(|y| busy.iter().all(|other| (other - y).abs() > 5)).unwrap_or(middle)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn boxes_stay_near_their_wishes_and_apart() {
        assert_eq!(spread(&[0, 50, 100], 20, 5, 0, 200), [0, 50, 100]);
        assert_eq!(spread(&[50, 50, 50], 20, 5, 0, 200), [50, 75, 100]);
        assert_eq!(spread(&[180, 190], 20, 5, 0, 200), [155, 180]);
        assert_eq!(spread(&[0, 0, 0], 20, 5, 0, 30), [0, 25, 50]);
    }

    #[test]
    fn a_line_leaves_where_no_other_runs() {
        assert_eq!(quiet(0, 24, &[]), 12);
        let y = quiet(0, 24, &[12]);
        assert!((y - 12).abs() > 5);
    }
}
