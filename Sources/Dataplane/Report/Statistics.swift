import Net
import Synchronization

/// The books of a worker: every frame that came in or was made, and what became of it. Each number is written by one worker
/// alone and may be read by anybody.
///
/// At a burst boundary: received + fromHost + madeHere + extraFragments = transmitted + toHost + dropped + absorbed + held.
@safe public struct Statistics: @unchecked Sendable {
    /// One column of the books.
    public enum Column: Int, Sendable, CaseIterable {
        case received, fromHost, madeHere, extraFragments
        case transmitted, toHost, absorbed, held
        /// Not part of the balance: bursts with at least one frame.
        case bursts
    }

    /// What a port has carried.
    public enum PortColumn: Int, Sendable, CaseIterable {
        case receivedPackets, receivedBytes, transmittedPackets, transmittedBytes
    }

    private let columns: Slab<Atomic<UInt64>>
    private let drops: Slab<Atomic<UInt64>>
    private let ports: Slab<Atomic<UInt64>>
    private let flows: Slab<Atomic<UInt64>>

    public init() {
        columns = Slab(count: Column.allCases.count)
        drops = Slab(count: DropReason.allCases.count)
        flows = Slab(count: FlowColumn.allCases.count)
        ports = Slab(count: (PortIndex.limit + 2) * PortColumn.allCases.count)
    }

    public subscript(_ column: Column) -> UInt64 { columns[column.rawValue].load(ordering: .relaxed) }
    public subscript(_ reason: DropReason) -> UInt64 { drops[Int(reason.rawValue)].load(ordering: .relaxed) }
    public subscript(_ column: FlowColumn) -> UInt64 { flows[column.rawValue].load(ordering: .relaxed) }
    public subscript(_ port: PortIndex, _ column: PortColumn) -> UInt64 {
        ports[Int(port.rawValue) * PortColumn.allCases.count + column.rawValue].load(ordering: .relaxed)
    }

    @inline(__always)
    func add(_ column: Column, _ amount: Int = 1) {
        Self.add(columns, column.rawValue, UInt64(truncatingIfNeeded: amount))
    }

    @inline(__always)
    func add(_ reason: DropReason) { Self.add(drops, Int(reason.rawValue), 1) }

    @inline(__always)
    func add(_ column: FlowColumn) { Self.add(flows, column.rawValue, 1) }

    @inline(__always)
    func add(_ port: PortIndex, _ column: PortColumn, _ amount: Int) {
        guard Int(port.rawValue) < PortIndex.limit + 2 else { return }
        Self.add(ports, Int(port.rawValue) &* 4 &+ column.rawValue, UInt64(truncatingIfNeeded: amount))
    }

    /// One writer: a load and a store. Wrapping lets a negative amount be added.
    @inline(__always)
    private static func add(_ slab: Slab<Atomic<UInt64>>, _ index: Int, _ amount: UInt64) {
        slab[index].store(slab[index].load(ordering: .relaxed) &+ amount, ordering: .relaxed)
    }
}
