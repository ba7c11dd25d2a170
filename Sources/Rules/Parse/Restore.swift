/// How a restore file is read.
public struct RestoreOptions: Sendable {
    /// `-n`: what the file does not mention stays.
    public var noFlush: Bool
    /// `-c`: counters in the file are taken over; without it they begin at 0.
    public var counters: Bool
    /// `-T`: this table of the file alone.
    public var table: TableName?
    /// What iptables-restore has besides.
    var manner: Manner = []

    struct Manner: OptionSet, Sendable {
        var rawValue: UInt8

        /// `-T` with a name that no table has: nothing of the file is meant.
        static let skipsEveryTable = Manner(rawValue: 1)
        /// `-v`: every command of the file says what it does.
        static let verbose = Manner(rawValue: 2)
        /// `-h` and `-V` in the file are answered and end it; elsewhere a file that is cut short so is in error.
        static let endsWithHelp = Manner(rawValue: 4)
    }

    public init(noFlush: Bool = false, counters: Bool = false, table: TableName? = nil) {
        self.noFlush = noFlush
        self.counters = counters
        self.table = table
    }
}

/// What reading a restore file came to.
public struct Restoration: Sendable {
    /// The rules in force once the file has been restored; what could be read of it, if there are mistakes.
    public var ruleset: Ruleset
    /// Everything that is wrong with the file, in the order of its lines.
    public var mistakes: [Diagnostic]
    /// A `-Z` of the file set counters to zero, so that what is counted meanwhile begins at zero too.
    public var zeroesCounters: Bool
    /// What its commands print: `-L` and `-S`, and all of them with `-v`.
    var output: String
    /// What they remark on standard error.
    var notices: String
    /// What iptables-restore ends with, for it ends with the first mistake it comes to; nil without one.
    var refusal: Refusal?

    struct Refusal: Sendable, Equatable {
        var text: String
        var exitCode: Int32
    }
}

extension Ruleset {
    /// The rules that are in force once an iptables-save text has been restored.
    ///
    /// It is one transaction over all tables of the text. Tables it does not name stay as they are.
    /// - Parameters:
    ///   - file: the name diagnostics carry.
    ///   - current: the rules in force now.
    /// - Throws: every error of the text.
    public static func restoring(
        _ text: String, file: String, onto current: Ruleset = Ruleset(), options: RestoreOptions = RestoreOptions()
    ) throws(Diagnostics) -> Ruleset {
        let (ruleset, mistakes) = reading(text, file: file, onto: current, options: options)
        guard mistakes.isEmpty else { throw Diagnostics(mistakes) }
        return ruleset
    }

    /// The same for whoever has more to say of a text with mistakes in it: what could be read of it, and what is wrong with it.
    public static func reading(
        _ text: String, file: String, onto current: Ruleset = Ruleset(), options: RestoreOptions = RestoreOptions()
    ) -> (ruleset: Ruleset, mistakes: [Diagnostic]) {
        let restoration = restoration(text, file: file, onto: current, options: options)
        return (restoration.ruleset, restoration.mistakes)
    }

    /// The same with everything else that iptables-restore has to say.
    public static func restoration(
        _ text: String, file: String, onto current: Ruleset = Ruleset(), options: RestoreOptions = RestoreOptions()
    ) -> Restoration {
        var reader = RestoreReader(file: file, ruleset: current, options: options)
        reader.read(text)
        return Restoration(
            ruleset: reader.ruleset, mistakes: reader.diagnostics.sorted { $0.location < $1.location },
            zeroesCounters: reader.zeroesCounters, output: reader.output, notices: reader.notices, refusal: reader.refusal)
    }

    /// What in rules of a text does not act yet, with the places it stands at.
    ///
    /// - Parameter earlier: the rules the text changed; what did not act there is known.
    public func inactive(beside earlier: Ruleset, in source: SourceText) -> [Diagnostic] {
        inactive(beside: earlier).map { placed in
            source.diagnostic(
                placed.error.message, hint: placed.error.hint, about: placed.rule, subject: placed.error.subject)
        }
    }
}
