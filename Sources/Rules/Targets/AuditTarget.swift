/// `-j AUDIT`: a record for the audit log (kernel: xt_AUDIT.c).
public struct AuditTarget: TargetExtension {
    /// What the record says happens to the packet; nothing does.
    public enum Kind: String, Hashable, Sendable, CaseIterable {
        case accept, drop, reject
    }

    public var kind: Kind

    public init(_ kind: Kind) { self.kind = kind }

    public static let description = ExtensionDescription(
        .target, "AUDIT", summary: "a record for the audit log", options: [OptionDescription("type")], scope: .packet,
        status: .acts)

    public var target: Target { .audit(self) }

    public init(_ options: GivenOptions) throws(RuleError) {
        let given = try options.required("type")
        guard let kind = Kind(rawValue: given.argument.text.lowercased()) else {
            throw RuleError(
                "Bad action type value \"\(given.argument.text)\"",
                hint: Suggestion.hint(for: given.argument.text, among: Kind.allCases.map(\.rawValue)),
                at: given.argument)
        }
        self.kind = kind
    }

    public func print(to printer: inout RulePrinter) { printer.option("type", kind.rawValue) }
}
