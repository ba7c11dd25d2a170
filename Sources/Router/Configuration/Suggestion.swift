/// The known word that a misspelt one most likely means, or nil if none is near.
///
/// Near is a distance of at most a third of the word's length, in letters inserted, dropped, changed or swapped with
/// their neighbour; upper case and underscores in place of hyphens cost nothing.
func suggestion(for word: String, among known: [String]) -> String? {
    let folded = fold(word)
    let best = known.map { ($0, distance(folded, fold($0))) }.min { $0.1 < $1.1 }
    guard let best, best.1 <= max(1, folded.count / 3) else { return nil }
    return best.0
}

private func fold(_ word: String) -> [Character] { word.lowercased().map { $0 == "_" ? "-" : $0 } }

/// Optimal string alignment: edits and swaps of neighbours, none twice at the same place.
private func distance(_ a: [Character], _ b: [Character]) -> Int {
    if a.isEmpty || b.isEmpty { return max(a.count, b.count) }
    // A word that long is no misspelling, and the table is quadratic.
    if a.count > 64 { return a.count }
    var rows = [[Int](0...b.count)]
    for i in 1...a.count {
        var row = [i]
        for j in 1...b.count {
            var cost = min(rows[i - 1][j] + 1, row[j - 1] + 1, rows[i - 1][j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1))
            if i > 1, j > 1, a[i - 1] == b[j - 2], a[i - 2] == b[j - 1] { cost = min(cost, rows[i - 2][j - 2] + 1) }
            row.append(cost)
        }
        rows.append(row)
    }
    return rows[a.count][b.count]
}
