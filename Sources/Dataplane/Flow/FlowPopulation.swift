/// Sees to it that the memory of a flow table is there before flows come to it.
///
/// Untouched memory costs nothing, so a table may be made for more flows than there will ever be; but the first touch of a page makes
/// the kernel find and clear one, and of pages of 2 MB that is the time of hundreds of packets. A thread that calls `advance` every
/// now and then keeps those pages a way ahead of the flows, and workers never wait for them.
public struct FlowPopulation {
    /// What one step asks for at most, in bytes: some milliseconds.
    private static let step = 8 << 20

    private let table: FlowTable
    private let flowsAhead: Int
    private var flows = 0
    private var buckets = 0
    private var isRefused = false

    /// - Parameter flowsAhead: how many flows there is memory for beyond those there were at most: more than may begin between two calls.
    public init(_ table: FlowTable, flowsAhead: Int) {
        self.table = table
        self.flowsAhead = flowsAhead
    }

    /// Whether nothing will ever be left to do: the whole table is there, or the system refuses.
    public var isComplete: Bool { isRefused || buckets == table.index.allBuckets && flows == table.flows.count }

    /// Takes one step.
    ///
    /// - Returns: whether there is more to do at once.
    public mutating func advance() -> Bool {
        guard !isRefused else { return false }
        let index = table.index
        // The index first: every flow comes to another part of it. No flow needs more than one overflow bucket.
        let bucketGoal = min(index.bucketsInUse + flowsAhead, index.allBuckets)
        if buckets < bucketGoal {
            let end = min(buckets + Self.step / 64, bucketGoal)
            isRefused = !index.populate(buckets..<end)
            buckets = end
            return !isRefused
        }
        let flowGoal = min(table.mostTaken + 1 + flowsAhead, table.flows.count)
        guard flows < flowGoal else { return false }
        let end = min(flows + Self.step / MemoryLayout<Flow>.stride, flowGoal)
        isRefused = !table.flows.populate(flows..<end)
        flows = end
        return !isRefused
    }
}
