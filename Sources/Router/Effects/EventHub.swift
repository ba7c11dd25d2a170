import Dataplane
import Glibc
import Net
import Synchronization

/// From the rings that workers fill to those who listen to what happens to flows, or to expectations. Workers record nothing while
/// nobody does.
///
/// Readers carry the events over themselves, each for all of them, so there is no thread: whoever comes first empties the rings, and
/// every reader has a queue of its own. Workers never wait; a reader that does not keep up loses events with a count, and if none
/// comes in time they are lost in the rings, with a count for everybody.
///
/// Synchronisation: everything is guarded by `state`; the rings' reading ends are used inside it alone.
final class EventHub<Ring: EventRing>: Sendable {
    /// The most events that wait for one reader.
    static var queueLimit: Int { 1 << 16 }
    /// The most that are handed out at once.
    static var batchLimit: Int { 4096 }

    private struct Reader {
        var queue: [Ring.Event] = []
        var lost: UInt64 = 0
    }

    private struct State {
        var readers: [Int: Reader] = [:]
        var nextReader = 0
        /// What the rings had lost when they were emptied last.
        var lostInRings: UInt64 = 0
    }

    private let listen: @Sendable (Bool) -> Void
    private let state = Mutex(State())

    /// - Parameter listen: told when the first reader comes and when the last has gone.
    init(listen: @escaping @Sendable (Bool) -> Void) { self.listen = listen }

    /// - Parameter rings: all there are.
    func subscribe(_ rings: [Ring]) -> Int {
        state.withLock { state in
            if state.readers.isEmpty {
                // What is left from the last time belongs to nobody.
                for ring in rings { while ring.pop() != nil {} }
                state.lostInRings = rings.reduce(0) { $0 &+ $1.lost }
                listen(true)
            }
            state.nextReader += 1
            state.readers[state.nextReader] = Reader()
            return state.nextReader
        }
    }

    func unsubscribe(_ reader: Int) {
        state.withLock { state in
            state.readers[reader] = nil
            if state.readers.isEmpty { listen(false) }
        }
    }

    /// A reader's next events, in the order in which they happened, and how many it has lost so far.
    func take(_ reader: Int, _ rings: [Ring]) -> (events: [Ring.Event], lost: UInt64) {
        state.withLock { state in
            distribute(rings, &state)
            guard let own = state.readers[reader] else { return ([], 0) }
            let count = min(own.queue.count, Self.batchLimit)
            state.readers[reader]?.queue.removeFirst(count)
            return (Array(own.queue.prefix(count)), own.lost)
        }
    }

    private func distribute(_ rings: [Ring], _ state: inout State) {
        var events: [Ring.Event] = []
        for ring in rings {
            var budget = Self.queueLimit
            while budget > 0, let event = ring.pop() {
                events.append(event)
                budget -= 1
            }
        }
        // Each ring is in order; where two have the same time, nobody knows.
        if rings.count > 1 {
            events = events.enumerated().sorted { ($0.element.time, $0.offset) < ($1.element.time, $1.offset) }.map(\.element)
        }
        let lostInRings = rings.reduce(0) { $0 &+ $1.lost }
        for id in state.readers.keys {
            let room = Self.queueLimit - (state.readers[id]?.queue.count ?? 0)
            state.readers[id]?.queue += events.prefix(room)
            state.readers[id]?.lost &+= UInt64(events.count - min(room, events.count)) &+ (lostInRings &- state.lostInRings)
        }
        state.lostInRings = lostInRings
    }
}
