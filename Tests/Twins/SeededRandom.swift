/// Random choices that repeat: the same seed makes the same case on every machine (SplitMix64).
public struct SeededRandom: RandomNumberGenerator, Sendable {
    private var state: UInt64

    public init(seed: UInt64) { state = seed }

    public mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ mixed >> 30) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ mixed >> 27) &* 0x94D0_49BB_1331_11EB
        return mixed ^ mixed >> 31
    }

    mutating func number(_ range: ClosedRange<Int>) -> Int { Int.random(in: range, using: &self) }

    /// True so many times in a hundred.
    mutating func chance(_ percent: Int) -> Bool { number(1...100) <= percent }

    /// - Precondition: there is something to choose from.
    mutating func pick<C: Collection>(_ choices: C) -> C.Element {
        choices[choices.index(choices.startIndex, offsetBy: number(0...choices.count - 1))]
    }

    /// One of several, the more often the greater its weight.
    mutating func pick<T>(weighted choices: [(weight: Int, value: T)]) -> T {
        var rest = number(1...choices.map(\.weight).reduce(0, +))
        for choice in choices {
            rest -= choice.weight
            if rest <= 0 { return choice.value }
        }
        return choices[choices.count - 1].value
    }

    /// Some of them, in their order.
    mutating func some<T>(_ choices: [T], _ count: ClosedRange<Int>) -> [T] {
        let wanted = min(number(count), choices.count)
        return choices.indices.shuffled(using: &self).prefix(wanted).sorted().map { choices[$0] }
    }
}
