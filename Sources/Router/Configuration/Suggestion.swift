import Rules

/// The known word that a misspelt one most likely means, or nil if none is near; upper case and underscores in place of hyphens cost nothing.
func suggestion(for word: String, among known: [String]) -> String? {
    let folded = fold(word)
    let candidates = known.map(fold)
    if let place = candidates.firstIndex(of: folded) { return known[place] }
    return Suggestion.nearest(to: folded, among: candidates).flatMap { candidates.firstIndex(of: $0) }.map { known[$0] }
}

private func fold(_ word: String) -> String { String(word.lowercased().map { $0 == "_" ? "-" : $0 }) }
