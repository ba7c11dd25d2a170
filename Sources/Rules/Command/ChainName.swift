/// What a chain may be called.
enum ChainName {
    /// XT_EXTENSION_MAXNAMELEN with its final zero: names are shorter than this.
    static let limit = 29

    /// - Throws: if a new chain may not have this name.
    static func check(_ word: Word) throws(RuleError) {
        let name = word.text
        if name.isEmpty || name.hasPrefix("-") || name.hasPrefix("!") {
            throw RuleError("chain name not allowed to start with `\(name.first.map(String.init) ?? "")'", at: word)
        }
        try checkLength(word)
        if Extensions.verdicts.contains(name) || Extensions.target(name) != nil
            || Refused.targets.contains(where: { $0.name == name })
        {
            throw RuleError("chain name may not clash with target name", at: word)
        }
        if name.unicodeScalars.contains(where: { $0.properties.isWhitespace }) {
            throw RuleError("Invalid chain name `\(name)'", at: word)
        }
    }

    static func checkLength(_ word: Word) throws(RuleError) {
        if word.text.utf8.count >= limit {
            throw RuleError("chain name `\(word.text)' too long (must be under \(limit) chars)", at: word)
        }
    }
}
