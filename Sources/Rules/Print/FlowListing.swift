import Net

// Matches that list addresses, marks and protocols by name unless numbers are asked for.

extension ListPrinter {
    mutating func list(_ conntrack: ConntrackMatch) {
        var printer = RulePrinter()
        conntrack.print(to: &printer)
        let addresses = [
            "--ctorigsrc": conntrack.originalSource, "--ctorigdst": conntrack.originalDestination,
            "--ctreplsrc": conntrack.replySource, "--ctrepldst": conntrack.replyDestination,
        ]
        var words = printer.text.split(separator: " ").map(String.init)[...]
        while let word = words.popFirst() {
            append(" \(word.hasPrefix("--") ? String(word.dropFirst(2)) : word)")
            guard let address = addresses[word], let value = address?.value else { continue }
            words = words.dropFirst()
            append(" \(value.mask.isUnspecified && !isNumeric ? "anywhere" : name(of: value))")
        }
    }

    mutating func list(_ policy: PolicyMatch) {
        append(" policy match dir \(policy.side.rawValue) pol \(policy.isNone ? "none" : "ipsec")")
        if policy.isStrict { append(" strict") }
        func sign(_ isNegated: Bool) -> String { isNegated ? " !" : "" }
        for (index, element) in policy.elements.enumerated() {
            if policy.elements.count > 1 { append(" [\(index)]") }
            if let value = element.requestID { append("\(sign(value.isNegated)) reqid \(value.value)") }
            if let value = element.spi { append("\(sign(value.isNegated)) spi \(Number.hexadecimal(value.value))") }
            if let value = element.ipProtocol {
                let number = value.value.rawValue
                append("\(sign(value.isNegated)) proto \(isNumeric ? String(number) : Names.protocolName(number) ?? String(number))")
            }
            if let value = element.mode { append("\(sign(value.isNegated)) mode \(value.value.rawValue)") }
            if let value = element.tunnelDestination { append("\(sign(value.isNegated)) tunnel-dst \(name(of: value.value))") }
            if let value = element.tunnelSource { append("\(sign(value.isNegated)) tunnel-src \(name(of: value.value))") }
        }
    }

    /// A value that a file of names may know.
    mutating func named(_ option: String, _ value: Negatable<MaskedValue>, _ names: NumberedNames) {
        let name = !isNumeric && value.value.mask == .max ? names.name(of: value.value.value) : nil
        append("\(value.isNegated ? " !" : "") \(option) \(name ?? value.value.description)")
    }

    /// The name of RFC 1349 for what a type of service is compared with or set to.
    func symbol(_ tos: MaskedByte) -> String? {
        isNumeric || tos.mask != 0x3F ? nil : MaskedByte.symbols.first { $0.value == tos.value }?.key
    }
}
