import Rules

extension RulesetGenerator {
    /// Options of an extension of which nothing is known but its description: one or two of them, with values of which some fit.
    mutating func genericWords(_ description: ExtensionDescription) -> [String] {
        var words: [String] = []
        for option in random.some(description.options, 1...2) {
            if option.canNegate { words += negatable(20) }
            words.append("--\(option.name)")
            for _ in 0..<max(option.argumentCount, 0) { words.append(genericValue()) }
        }
        return words
    }

    private mutating func genericValue() -> String {
        switch random.number(1...8) {
        case 1: "\(random.pick(Pool.everywhere))"
        case 2: String(random.number(0...9))
        case 3: String(random.pick(Pool.ports))
        case 4: mark()
        case 5: "\(random.number(0...40)):\(random.number(41...2000))"
        case 6: String(random.pick(Pool.lengths))
        case 7: "0x" + String(random.pick(Pool.tos), radix: 16)
        default: random.pick(["name1", "src", "dst", "src,dst", "EVIL"])
        }
    }

    mutating func mark() -> String { "0x" + String(random.pick(Pool.marks), radix: 16) }
    mutating func maskedMark() -> String { mark() + (random.chance(40) ? "/" + mark() : "") }
}
