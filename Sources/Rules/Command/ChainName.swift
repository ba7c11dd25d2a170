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
        try checkTargets(word)
        if name.unicodeScalars.contains(where: { $0.properties.isWhitespace }) {
            throw RuleError("Invalid chain name `\(name)'", at: word)
        }
    }

    /// The same for a `:` line of a restore file, where iptables asks less.
    static func checkDeclared(_ word: Word) throws(RuleError) {
        guard word.text.utf8.count < limit else {
            throw RuleError("Invalid chain name `\(word.text)' (\(limit - 1) chars max)", at: word)
        }
        do throws(RuleError) {
            try checkTargets(word)
        } catch {
            var error = error
            if Extensions.verdicts.contains(word.text) { error.legacyMessage = "error creating chain '\(word.text)':File exists" }
            throw error
        }
    }

    /// The same for the new name of `-E`, where the kernel's library alone looks at it.
    static func checkNew(_ word: Word) throws(RuleError) {
        guard !Extensions.verdicts.contains(word.text) else { throw RuleError("File exists.", at: word, exitCode: 1) }
        try checkLength(word)
        try checkTargets(word)
    }

    private static func checkTargets(_ word: Word) throws(RuleError) {
        let name = word.text
        if Extensions.verdicts.contains(name) || Extensions.target(name) != nil
            || Refused.targets.contains(where: { $0.name == name })
        {
            throw RuleError("chain name may not clash with target name", at: word)
        }
    }

    static func checkLength(_ word: Word) throws(RuleError) {
        if word.text.utf8.count >= limit {
            throw RuleError("chain name `\(word.text)' too long (must be under \(limit) chars)", at: word)
        }
    }
}
