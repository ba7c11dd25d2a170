/// `-m cpu`: the CPU that handles the packet (kernel: xt_cpu.c).
///
/// Here that is the CPU that the worker is pinned to (`workers.cpus`). Workers that are not pinned move about; theirs is the worker's own
/// number, from 0.
public struct CPUMatch: MatchExtension {
    public var cpu: Negatable<UInt32>

    public init(cpu: Negatable<UInt32>) { self.cpu = cpu }

    public static let description = ExtensionDescription(
        .match, "cpu", summary: "the CPU that handles the packet",
        options: [OptionDescription("cpu", canNegate: true)], scope: .packet, status: .acts)

    public var match: Match { .cpu(self) }

    public init(_ options: GivenOptions) throws(RuleError) {
        let given = try options.required("cpu")
        cpu = Negatable(try options.number(given, 0...UInt32.max), isNegated: given.isNegated)
    }

    public func print(to printer: inout RulePrinter) {
        printer.option("cpu", isNegated: cpu.isNegated, String(cpu.value))
    }
}
