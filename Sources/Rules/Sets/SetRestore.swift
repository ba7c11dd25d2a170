extension SetCollection {
    /// The sets there are once an `ipset save` text has been restored. It is one transaction.
    /// - Parameters:
    ///   - file: the name diagnostics carry.
    ///   - current: the sets there are now; what the text does not name stays.
    ///   - toleratesExisting: `-exist`.
    /// - Throws: every error of the text.
    public static func restoring(
        _ text: String, file: String, onto current: SetCollection = SetCollection(), toleratesExisting: Bool = false
    ) throws(Diagnostics) -> SetCollection {
        var collection = current
        var diagnostics: [Diagnostic] = []
        var text = text
        text.makeContiguousUTF8()
        var number = 0
        for scalars in text.unicodeScalars.split(separator: "\n", omittingEmptySubsequences: false) {
            number += 1
            let line = Substring(scalars)
            if line.isEmpty || line.hasPrefix("#") || line == "COMMIT" { continue }
            do throws(RuleError) {
                try collection.apply(try SetParser.words(in: line, line: number), toleratesExisting: toleratesExisting)
            } catch {
                let place = error.word?.location ?? SourceLocation(line: number, column: 1)
                diagnostics.append(
                    Diagnostic(
                        file: file, location: place, length: error.word?.text.count ?? 1, message: error.message,
                        hint: error.hint, sourceLine: String(line)))
            }
        }
        guard diagnostics.isEmpty else { throw Diagnostics(diagnostics) }
        return collection
    }
}

extension Ruleset {
    /// Sets that rules name and that do not exist.
    public func missingSets(in sets: SetCollection) -> [PlacedError] {
        var found: [PlacedError] = []
        for table in tables {
            for chain in table.chains {
                for (index, rule) in chain.rules.enumerated() {
                    for name in rule.setNames where sets[name] == nil {
                        let error = RuleError(
                            "Set \(name) doesn't exist.",
                            hint: Suggestion.hint(for: name, among: sets.sets.map(\.name)), exitCode: 2)
                        found.append(
                            PlacedError(
                                table: table.name, chain: chain.name, ruleNumber: index + 1, rule: rule, error: error))
                    }
                }
            }
        }
        return found
    }
}

extension Rule {
    /// Sets the rule looks into or changes.
    public var setNames: [String] {
        var names = matches.compactMap { match in
            if case .set(let value) = match { value.set.name } else { nil }
        }
        if case .set(let target) = target { names += [target.add, target.delete, target.map].compactMap { $0?.name } }
        return names
    }
}
