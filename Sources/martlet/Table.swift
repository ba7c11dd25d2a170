/// Rows of text in aligned columns. Each column is as wide as its widest cell among the first thousand rows; beyond them rows are
/// printed as they come, so that a list of a million needs no more memory than one of a thousand.
struct Table {
    enum Alignment {
        case left
        case right
    }

    private static let batch = 1000

    private let columns: [(title: String, alignment: Alignment)]
    private var widths: [Int] = []
    private var rows: [[String]]

    init(_ columns: [(title: String, alignment: Alignment)]) {
        self.columns = columns
        rows = [columns.map(\.title)]
    }

    mutating func add(_ cells: [String]) {
        precondition(cells.count == columns.count)
        rows.append(cells)
    }

    /// Whether it is time to print what has gathered.
    var isFull: Bool { rows.count > Self.batch }

    /// What has gathered since the last call, the titles first; without spaces at the ends of lines.
    mutating func take() -> String {
        defer { rows = [] }
        widths = columns.indices.map { column in
            max(widths.isEmpty ? 0 : widths[column], rows.lazy.map { $0[column].count }.max() ?? 0)
        }
        return rows.map { line in
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
