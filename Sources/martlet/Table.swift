/// Rows of text in aligned columns, each as wide as its widest cell.
struct Table {
    enum Alignment {
        case left
        case right
    }

    private let columns: [(title: String, alignment: Alignment)]
    private var rows: [[String]] = []

    init(_ columns: [(title: String, alignment: Alignment)]) { self.columns = columns }

    mutating func add(_ cells: [String]) {
        precondition(cells.count == columns.count)
        rows.append(cells)
    }

    /// The title line and the rows, without spaces at the ends of lines.
    var text: String {
        let lines = [columns.map(\.title)] + rows
        let widths = columns.indices.map { column in lines.map { $0[column].count }.max() ?? 0 }
        return lines.map { line in
            var text = ""
            for (column, cell) in line.enumerated() {
                let space = String(repeating: " ", count: widths[column] - cell.count)
                text += (column == 0 ? "" : "  ") + (columns[column].alignment == .left ? cell + space : space + cell)
            }
            while text.last == " " { text.removeLast() }
            return text + "\n"
        }.joined()
    }
}

/// What a cell says of something that is not there.
let absent = "-"
