import Net

/// Operands of the matches about time, rates and turns, which are too big for a match itself or are shared.
@safe struct AroundOperands: Sendable {
    let times: Slab<TimeTest>
    let rates: Slab<RateTest>
    let meters: Slab<RateMeter>
    let meterCount: Int
    let turns: Slab<TurnCounter>

    init(_ source: AroundSource) {
        times = Slab(source.times)
        rates = Slab(source.rates)
        meters = Slab(source.meters)
        meterCount = source.meters.count
        turns = Slab(source.turns)
    }

    func deallocate() {
        times.deallocate()
        rates.deallocate()
        meters.deallocate()
        turns.deallocate()
    }
}

/// What the compiler hands over of them.
public struct AroundSource {
    public var times: [TimeTest] = []
    public var rates: [RateTest] = []
    public var meters: [RateMeter] = []
    public var turns: [TurnCounter] = []
    /// Some rule asks for the realm of a route.
    public var asksForRealms = false

    public init() {}
}

extension Worker {
    /// Ends the intervals of all rate estimates that are over.
    @inline(__always)
    func advanceMeters() {
        for number in 0..<snapshot.rules.around.meterCount { snapshot.rules.around.meters[number].advance(to: now) }
    }
}
