/// Finds what a misspelled word was meant to be.
enum Suggestion {
    /// The candidate nearest to `word`, if it is near enough to be worth asking about.
    static func nearest(to word: String, among candidates: some Sequence<String>) -> String? {
        let limit = max(1, word.count / 3)
        var best: (name: String, distance: Int)?
        for candidate in candidates where candidate != word {
            let isBeginning = word.count >= 3 && candidate.hasPrefix(word)
            let distance = isBeginning ? 1 : self.distance(Array(word), Array(candidate))
            if distance <= limit, distance < best?.distance ?? .max { best = (candidate, distance) }
        }
        return best?.name
    }

    static func hint(for word: String, among candidates: some Sequence<String>) -> String? {
        nearest(to: word, among: candidates).map { "did you mean \"\($0)\"?" }
    }

    /// Insertions, deletions, replacements and swaps of neighbours that lead from one to the other; a change of case
    /// alone counts half, rounded down, so that `accept` finds `ACCEPT`.
    private static func distance(_ a: [Character], _ b: [Character]) -> Int {
        guard abs(a.count - b.count) <= 6 else { return .max }
        if a.count == b.count, zip(a, b).allSatisfy({ $0.lowercased() == $1.lowercased() }) { return 1 }
        var rows = [Array(0...b.count)]
        for i in a.indices {
            var row = [i + 1]
            for j in b.indices {
                var cost = min(row[j] + 1, rows[i][j + 1] + 1, rows[i][j] + (a[i] == b[j] ? 0 : 1))
                if i > 0, j > 0, a[i] == b[j - 1], a[i - 1] == b[j] { cost = min(cost, rows[i - 1][j - 1] + 1) }
                row.append(cost)
            }
            rows.append(row)
        }
        return rows[a.count][b.count]
    }
}
