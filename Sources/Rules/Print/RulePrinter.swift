import Net

/// Collects the words of a rule, each with a space before it.
public struct RulePrinter: Sendable {
    public private(set) var text = ""

    public init() {}

    /// ` --name`, or ` ! --name`, and values as they are.
    public mutating func option(_ name: String, isNegated: Bool = false, _ values: String...) {
        text += isNegated ? " ! --" : " --"
        text += name
        for value in values {
            text += " "
            text += value
        }
    }

    /// An option whose value is quoted where it must be.
    public mutating func quotedOption(_ name: String, isNegated: Bool = false, _ value: String) {
        option(name, isNegated: isNegated, Quoting.quoted(value))
    }

    public mutating func word(_ word: String) {
        text += " "
        text += word
    }

    static func range<N: FixedWidthInteger>(_ range: ClosedRange<N>, separator: String = ":") -> String {
        range.lowerBound == range.upperBound
            ? String(range.lowerBound) : "\(range.lowerBound)\(separator)\(range.upperBound)"
    }
}

extension Rule {
    /// The rule as a line of iptables-save, without `-A CHAIN`: conditions, matches, target, each with a space before.
    public var specification: String { specification(withCounters: false) }

    /// - Parameter withCounters: `-c PACKETS BYTES` before the target, as `iptables -S -v` has it.
    func specification(withCounters: Bool) -> String {
        var printer = RulePrinter()
        func flag(_ name: String, _ isNegated: Bool) -> String { isNegated ? "! \(name)" : name }
        if let source, source.isNegated || source.value != AddressMask(address: .any, mask: .any) {
            printer.word("\(flag("-s", source.isNegated)) \(source.value)")
        }
        if let destination, destination.isNegated || destination.value != AddressMask(address: .any, mask: .any) {
            printer.word("\(flag("-d", destination.isNegated)) \(destination.value)")
        }
        if let inInterface, !inInterface.asksNothing {
            printer.word(
                "\(flag("-i", inInterface.isNegated)) \(Quoting.quotedIfBroken(inInterface.value.description))")
        }
        if let outInterface, !outInterface.asksNothing {
            printer.word(
                "\(flag("-o", outInterface.isNegated)) \(Quoting.quotedIfBroken(outInterface.value.description))")
        }
        if let ipProtocol {
            let number = ipProtocol.value.rawValue
            printer.word("\(flag("-p", ipProtocol.isNegated)) \(Names.protocolName(number) ?? String(number))")
        }
        if let fragments { printer.word(flag("-f", !fragments)) }
        for match in matches {
            let value = match.value
            printer.word("-m")
            printer.word(value.savedName)
            value.print(to: &printer)
        }
        if withCounters { printer.word("-c \(counters.packets) \(counters.bytes)") }
        target.print(to: &printer)
        return printer.text
    }
}

extension Target {
    func print(to printer: inout RulePrinter) {
        switch self {
        case .none: break
        case .accept: printer.word("-j ACCEPT")
        case .drop: printer.word("-j DROP")
        case .return: printer.word("-j RETURN")
        case .jump(let chain): printer.word("-j \(chain)")
        case .goto(let chain): printer.word("-g \(chain)")
        default:
            guard let value = self.value else { return }
            printer.word("-j")
            printer.word(value.savedName)
            value.print(to: &printer)
        }
    }
}
