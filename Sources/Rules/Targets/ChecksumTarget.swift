/// `-j CHECKSUM`: complete a checksum that was left to hardware (kernel: xt_CHECKSUM.c).
public struct ChecksumTarget: TargetExtension {
    public init() {}

    public static let description = ExtensionDescription(
        .target, "CHECKSUM", summary: "complete the checksum",
        options: [OptionDescription("checksum-fill", arguments: 0)], tables: [.mangle], scope: .packet,
        status: .acts)

    public var target: Target { .checksum(self) }

    public init(_ options: GivenOptions) throws(RuleError) { _ = try options.required("checksum-fill") }

    public func print(to printer: inout RulePrinter) { printer.option("checksum-fill") }
}
