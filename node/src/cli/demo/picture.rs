//! A grid with the number of nodes in each cell, drawn with lines.

use grid::cell::Shape;

/// More cells than this are not drawn: nobody would look at them.
const MOST_CELLS: u64 = 256;

/// Draws the grid, two axes at a time; `None` if it is too large. `population` counts the nodes by the cell's number.
pub(super) fn picture(shape: Shape, population: &[usize]) -> Option<String> {
    if shape.cells() > MOST_CELLS {
        return None;
    }
    let side = usize::from(shape.side());
    let rows = if shape.dims() == 1 { 1 } else { side };
    let width = population.iter().map(|count| count.to_string().len()).max().unwrap_or(1).max(2);
    let slices = population.chunks(side * rows).enumerate().map(|(number, slice)| {
        let title = title(shape, number * side * rows);
        let drawing = slice_of(slice, side, width, shape.dims() > 1);
        if title.is_empty() { drawing } else { format!("{title}\n{drawing}") }
    });
    Some(slices.collect::<Vec<_>>().join("\n"))
}

/// Which slice of a grid with more than two axes follows.
fn title(shape: Shape, first: usize) -> String {
    if shape.dims() <= 2 {
        return String::new();
    }
    let cell = shape.cell_at(first as u64);
    let rest: Vec<String> = cell.coordinates()[2..].iter().map(ToString::to_string).collect();
    format!("cells [_, _, {}]", rest.join(", "))
}

fn slice_of(counts: &[usize], side: usize, width: usize, numbered: bool) -> String {
    let rule = |left: &str, middle: &str, right: &str| {
        let dashes = vec!["─".repeat(width + 2); side];
        format!("    {left}{}{right}", dashes.join(middle))
    };
    let head: Vec<String> = (0..side).map(|column| format!("{column:^w$}", w = width + 2)).collect();
    let mut lines = vec![format!("     {}", head.join(" ")), rule("┌", "┬", "┐")];
    for (number, row) in counts.chunks(side).enumerate() {
        if number > 0 {
            lines.push(rule("├", "┼", "┤"));
        }
        let cells: Vec<String> = row.iter().map(|&count| format!(" {} ", shown(count, width))).collect();
        let label = if numbered { format!("{number:>3}") } else { "   ".to_owned() };
        lines.push(format!("{label} │{}│", cells.join("│")));
    }
    lines.push(rule("└", "┴", "┘"));
    lines.iter().map(|line| line.trim_end()).collect::<Vec<_>>().join("\n")
}

fn shown(count: usize, width: usize) -> String {
    match count {
        0 => format!("{:>width$}", "·"),
        count => format!("{count:>width$}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_small_grid_is_drawn() {
        let drawn = picture(Shape::new(2, 2).unwrap(), &[4, 0, 12, 3]).unwrap();
        let expected =
            "      0    1\n    ┌────┬────┐\n  0 │  4 │  · │\n    ├────┼────┤\n  1 │ 12 │  3 │\n    └────┴────┘";
        assert_eq!(drawn, expected);
    }

    #[test]
    fn a_large_grid_is_not() {
        assert_eq!(picture(Shape::new(4, 8).unwrap(), &[]), None);
    }

    #[test]
    fn a_third_axis_makes_slices() {
        let drawn = picture(Shape::new(3, 2).unwrap(), &[1; 8]).unwrap();
        assert!(drawn.contains("cells [_, _, 0]") && drawn.contains("cells [_, _, 1]"), "{drawn}");
    }
}
