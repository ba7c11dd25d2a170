/// `-j CLASSIFY`: set the packet's priority, which names a class of a queueing discipline (kernel: xt_CLASSIFY.c).
public struct ClassifyTarget: TargetExtension {
    public var major: UInt16
    public var minor: UInt16

    public init(major: UInt16, minor: UInt16) {
        self.major = major
        self.minor = minor
    }

    public static let description = ExtensionDescription(
        .target, "CLASSIFY", summary: "set the packet's priority",
        options: [OptionDescription("set-class")], hooks: [.forward, .output, .postrouting], scope: .flow,
        status: .acts)

    public var target: Target { .classify(self) }

    public init(_ options: GivenOptions) throws(RuleError) {
        let given = try options.required("set-class")
        let parts = given.argument.text.split(separator: ":", omittingEmptySubsequences: false)
        guard parts.count == 2, let major = Self.hexadecimal(parts[0]), let minor = Self.hexadecimal(parts[1]) else {
            throw RuleError(
                "Bad class value \"\(given.argument.text)\"", hint: "write MAJOR:MINOR, hexadecimal, 16 bits each",
                at: given.argument)
        }
        self.major = major
        self.minor = minor
    }

    private static func hexadecimal(_ text: Substring) -> UInt16? {
        let digits = text.hasPrefix("0x") ? text.dropFirst(2) : text
        guard !digits.isEmpty, digits.utf8.allSatisfy({ Number.hexadecimalValue($0) != nil }) else { return nil }
        return UInt16(digits, radix: 16)
    }

    public func print(to printer: inout RulePrinter) {
        let digits = [major, minor].map { Number.hexadecimal($0, digits: 4).dropFirst(2) }
        printer.option("set-class", "\(digits[0]):\(digits[1])")
    }
}
