/// Finds what a misspelled word was meant to be.
package enum Suggestion {
    /// The candidate nearest to `word`, if it is near enough to be worth asking about.
    package static func nearest(to word: String, among candidates: some Sequence<String>) -> String? {
        let letters = Array(word.utf8)
        var comparison = Comparison(with: letters)
        var best: (name: String, distance: Int)?
        for candidate in candidates where candidate != word {
            let others = Array(candidate.utf8)
            let limit = best.map { $0.distance - 1 } ?? max(1, letters.count / 3)
            guard limit > 0 else { break }
            let isBeginning = letters.count >= 3 && others.starts(with: letters)
            if let distance = isBeginning ? 1 : comparison.distance(to: others, limit: limit) { best = (candidate, distance) }
        }
        return best?.name
    }

    static func hint(for word: String, among candidates: some Sequence<String>) -> String? {
        nearest(to: word, among: candidates).map { "did you mean \"\($0)\"?" }
    }

    /// One word against many: a ruleset has thousands of chains, and each may be misspelled.
    private struct Comparison {
        private static let furthest = 6

        private let word: [UInt8]
        private var row: [Int] = []
        private var before: [Int] = []
        private var twoBefore: [Int] = []

        init(with word: [UInt8]) { self.word = word }

        /// Insertions, deletions, replacements and swaps of neighbours that lead from one to the other, in bytes; a change of case
        /// alone counts as one, so that `accept` finds `ACCEPT`.
        ///
        /// - Returns: nil if there are more than `limit`.
        mutating func distance(to other: [UInt8], limit: Int) -> Int? {
            guard abs(word.count - other.count) <= min(limit, Self.furthest) else { return nil }
            if word.count == other.count, zip(word, other).allSatisfy({ Self.lowercased($0) == Self.lowercased($1) }) { return 1 }
            before = Array(0...other.count)
            row = before
            twoBefore = before
            var leastBefore = 0
            for i in word.indices {
                row[0] = i + 1
                var least = row[0]
                for j in other.indices {
                    var cost = min(row[j] + 1, before[j + 1] + 1, before[j] + (word[i] == other[j] ? 0 : 1))
                    if i > 0, j > 0, word[i] == other[j - 1], word[i - 1] == other[j] { cost = min(cost, twoBefore[j - 1] + 1) }
                    row[j + 1] = cost
                    least = min(least, cost)
                }
                // A row is made from the two before it, so it cannot become less again.
                if least > limit, leastBefore > limit { return nil }
                leastBefore = least
                swap(&twoBefore, &before)
                swap(&before, &row)
            }
            return before[other.count] <= limit ? before[other.count] : nil
        }

        private static func lowercased(_ letter: UInt8) -> UInt8 {
            (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(letter) ? letter | 0x20 : letter
        }
    }
}
