/// Sees to it that the entries and the index of a flow table have memory before flows come to them. (What only few flows have – labels,
/// helpers' notes – gets its memory as it is used.)
///
/// Untouched memory costs nothing, so a table may be made for more flows than there will ever be; but the first touch of a page makes
/// the kernel find and clear one, and of pages of 2 MB that is the time of hundreds of packets. A thread that calls `advance` every
/// now and then keeps those pages a way ahead of the flows, and workers never wait for them.
public struct FlowPopulation {
    /// What is to be there beyond what flows have needed so far.
    struct Reserve: Equatable {
        /// Entries, and overflow buckets as well.
        var flows = 0
        /// Whether the buckets that hashes fall into are to be there: all or none, since every flow comes to other ones.
        var hasIndex = false

        /// What fits into so many bytes.
        ///
        /// - Parameter buckets: those that hashes fall into.
        init(bytes: Int, buckets: Int) {
            var rest = bytes
            let index = buckets * FlowIndex.bucketSize
            hasIndex = index <= bytes / 2
            if hasIndex { rest -= index }
            flows = max(rest, 0) / (MemoryLayout<Flow>.stride + FlowIndex.bucketSize)
        }
    }

    /// What one step asks for at most, in bytes: a page or a few.
    private static let step = 4 << 20

    private let table: FlowTable
    private let reserve: Reserve
    private var flows = 0
    private var buckets = 0
    private var isRefused = false

    /// - Parameter bytes: how much memory may be taken beyond what flows have needed so far.
    public init(_ table: FlowTable, bytes: Int) {
        self.table = table
        reserve = Reserve(bytes: bytes, buckets: table.index.bucketCount)
        if !reserve.hasIndex { buckets = table.index.bucketCount }
    }

    /// Whether nothing will ever be left to do: everything is there, or the system refuses.
    public var isComplete: Bool { isRefused || buckets == table.index.totalBucketCount && flows == table.flows.count }

    /// Takes one step.
    ///
    /// - Returns: whether there is more to do at once.
    public mutating func advance() -> Bool {
        guard !isRefused else { return false }
        let index = table.index
        let bucketGoal = min(index.bucketsInUse + reserve.flows, index.totalBucketCount)
        if buckets < bucketGoal {
            let end = min(buckets + Self.step / FlowIndex.bucketSize, bucketGoal)
            isRefused = !index.buckets.populate(buckets..<end)
            buckets = end
            return !isRefused
        }
        let flowGoal = min(table.mostTaken + 1 + reserve.flows, table.flows.count)
        guard flows < flowGoal else { return false }
        let end = min(flows + Self.step / MemoryLayout<Flow>.stride, flowGoal)
        isRefused = !table.flows.populate(flows..<end)
        flows = end
        return !isRefused
    }
}
