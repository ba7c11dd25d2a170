/// Two ends as they were written. Unlike a `ClosedRange` the first may lie above the last, which iptables takes for some
/// matches and which nothing then lies between.
public struct Bounds<Value: Comparable & Hashable & Sendable>: Hashable, Sendable {
    public var first: Value
    public var last: Value

    public init(_ first: Value, _ last: Value) {
        self.first = first
        self.last = last
    }

    public func contains(_ value: Value) -> Bool { first <= value && value <= last }

    /// The same as a range, nil if it runs backwards.
    public var range: ClosedRange<Value>? { first <= last ? first...last : nil }
}

extension Bounds where Value: FixedWidthInteger {
    /// `A`, or `A:B`.
    var text: String { first == last ? "\(first)" : "\(first):\(last)" }
    /// Whether every value there is lies within.
    var isEverything: Bool { first == .min && last == .max }
}
