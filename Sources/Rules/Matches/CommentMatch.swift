/// `-m comment`: a note for readers; every packet matches.
public struct CommentMatch: MatchExtension {
    /// At most 255 bytes; what a rule has more is left out, as with iptables.
    public var text: String

    public init(text: String) { self.text = text }

    public static let description = ExtensionDescription(
        .match, "comment", summary: "a note for readers", options: [OptionDescription("comment")], scope: .flow,
        status: .acts)

    public var match: Match { .comment(self) }

    public init(_ options: GivenOptions) throws(RuleError) {
        text = options.cut(try options.required("comment").argument.text, to: 255)
    }

    public func print(to printer: inout RulePrinter) { printer.quotedOption("comment", text) }
}
