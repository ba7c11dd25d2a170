/// `-j CONNMARK`: change the flow's mark, or copy it from or to the packet's (kernel: xt_connmark.c, revision 2).
public struct ConnmarkTarget: TargetExtension {
    public enum Operation: Hashable, Sendable {
        /// flow mark = (flow mark & ~mask) ^ value.
        case set(MaskedValue)
        /// flow mark = (flow mark & ~connmarkMask) ^ (packet mark & markMask).
        case save(connmarkMask: UInt32, markMask: UInt32)
        /// packet mark = (packet mark & ~markMask) ^ (flow mark & connmarkMask).
        case restore(connmarkMask: UInt32, markMask: UInt32)
    }

    /// A shift of the copied or set value, by 1 to 32 bits.
    public enum Shift: Hashable, Sendable {
        case left(UInt8)
        case right(UInt8)
    }

    public var operation: Operation
    public var shift: Shift?

    public init(_ operation: Operation, shift: Shift? = nil) {
        self.operation = operation
        self.shift = shift
    }

    private static let operations = [
        "set-xmark", "set-mark", "and-mark", "or-mark", "xor-mark", "save-mark", "restore-mark",
    ]

    public static let description = ExtensionDescription(
        .target, "CONNMARK", summary: "change the flow's mark, or copy it from or to the packet's",
        options: [
            OptionDescription("set-xmark"), OptionDescription("set-mark"), OptionDescription("and-mark"),
            OptionDescription("or-mark"), OptionDescription("xor-mark"), OptionDescription("save-mark", arguments: 0),
            OptionDescription("restore-mark", arguments: 0), OptionDescription("ctmask"), OptionDescription("nfmask"),
            OptionDescription("mask"), OptionDescription("left-shift-mark"), OptionDescription("right-shift-mark"),
        ], scope: .flow, status: .acts)

    public var target: Target { .connmark(self) }
    /// The first packet's mark need not be the later ones', and the flow's may change under way, so neither is copied once for
    /// all; nor is done only once what changes the flow's mark each time again.
    public var isFlowInvariant: Bool {
        switch operation {
        case .set(let operation): shift == nil && operation.value & ~operation.mask == 0
        case .save, .restore: false
        }
    }

    public init(_ options: GivenOptions) throws(RuleError) {
        guard let given = try options.oneOf(Self.operations) else {
            throw RuleError("CONNMARK target: No operation specified", at: options.word)
        }
        if given.name == "save-mark" || given.name == "restore-mark" {
            func mask(_ name: String) throws(RuleError) -> UInt32? {
                guard let option = options[name] else { return nil }
                return try options.number(option, 0...UInt32.max)
            }
            let both = try mask("mask")
            let connmarkMask = try mask("ctmask")
            let markMask = try mask("nfmask")
            if both != nil, let option = options["ctmask"] ?? options["nfmask"] {
                throw RuleError("CONNMARK: option \"--\(option.name)\" cannot be used together with \"--mask\".", at: option.word)
            }
            let connmark = connmarkMask ?? both ?? .max
            let packet = markMask ?? both ?? .max
            operation =
                given.name == "save-mark"
                ? .save(connmarkMask: connmark, markMask: packet) : .restore(connmarkMask: connmark, markMask: packet)
        } else {
            var value = try MaskedValue(markOperation: given, options)
            // A mask given after the operation replaces the operation's own.
            for option in options.list
            where ["ctmask", "mask"].contains(option.name) && given.word.location < option.word.location {
                value.mask = try options.number(option, 0...UInt32.max)
            }
            operation = .set(value)
        }
        if let given = options.list.last(where: { $0.name.hasSuffix("-shift-mark") }) {
            let bits: UInt8 = try options.number(given, UInt8(0)...32)
            if bits > 0 { shift = given.name == "left-shift-mark" ? .left(bits) : .right(bits) }
        }
    }

    public func check(at place: RulePlace) throws(RuleError) {
        switch shift {
        case .left(32), .right(32):
            throw RuleError("CONNMARK: a mark has 32 bits; it can be shifted by 31", exitCode: 1)
        default: break
        }
    }

    public func print(to printer: inout RulePrinter) {
        switch operation {
        case .set(let operation):
            printer.markOperation(operation)
        case .save(let connmarkMask, let markMask):
            printer.option("save-mark")
            printer.option("nfmask", Number.hexadecimal(markMask))
            printer.option("ctmask", Number.hexadecimal(connmarkMask))
        case .restore(let connmarkMask, let markMask):
            printer.option("restore-mark")
            printer.option("nfmask", Number.hexadecimal(markMask))
            printer.option("ctmask", Number.hexadecimal(connmarkMask))
        }
        switch shift {
        case .left(let bits): printer.option("left-shift-mark", String(bits))
        case .right(let bits): printer.option("right-shift-mark", String(bits))
        case nil: break
        }
    }
}
