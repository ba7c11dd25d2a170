import Synchronization

/// The memory that a flow table consists of, allocated at start.
struct FlowMemory {
    struct Shared: ~Copyable {
        let lock = SpinLock()
        var freeCount = 0
        /// The most entries that were not free at once: those beyond were never handed out.
        let mostTaken: Atomic<Int>
        /// Flows that are alive, unconfirmed ones included.
        let alive: Atomic<Int>
        /// nf_conntrack_max: up to `maximum`.
        let limit: Atomic<Int>
    }

    let flows: Slab<Flow>
    let index: FlowIndex
    /// Ports that are taken where few are left.
    let crowdedPorts: CrowdedPorts
    let expectations: ExpectationTable
    /// What rules may name with `CT --timeout`.
    let policies = TimeoutPolicies()
    /// The labels of those that have any. Most have none, and then their memory is never touched.
    let labels: Slab<FlowLabels>
    /// What tracking remembers of SCTP; of other flows, this memory is never touched.
    let associations: Slab<SCTPAssociation>
    /// What helpers keep of the flows they read along with; of the others, this memory is never touched.
    let help: Slab<FlowHelp>
    /// The kind of each helper, by its number in `HelperNames`.
    let helperKinds: Slab<UInt8>
    /// What SYNPROXY keeps of the flows it opened; of the others, this memory is never touched.
    let synproxies: Slab<SynproxyFlow>
    /// Whether anybody wants to hear of events.
    let listening = Slab<Atomic<UInt32>>(count: 1)
    /// Per worker, the head of the list of flows that others have killed.
    let graveyards: Slab<Atomic<UInt32>>
    let shared: Slab<Shared>
    /// Entries that hold no flow.
    let free: Slab<UInt32>
    /// The most flows that there is memory for.
    let maximum: Int

    /// Entries beyond the maximum, so that a full table works on while dead ones wait for their reuse.
    private static let spare = 4096

    init(maximum: Int, workerCount: Int, key: UInt64, expectations expectationLimit: Int?) {
        self.maximum = maximum
        let entries = maximum + Self.spare + workerCount * 128
        flows = Slab(count: entries + 1, hasLargePages: maximum >= 1 << 16)
        labels = Slab(count: entries + 1)
        associations = Slab(count: entries + 1)
        help = Slab(count: entries + 1)
        helperKinds = Slab(count: 64)
        expectations = ExpectationTable(
            flows: flows, help: help, limit: expectationLimit ?? ExpectationTable.usualLimit(flows: maximum), key: key)
        synproxies = Slab(count: entries + 1)
        index = FlowIndex(flows: maximum, key: key)
        crowdedPorts = CrowdedPorts(flows: maximum)
        shared = Slab(count: 1)
        free = Slab(count: entries)
        graveyards = Slab(count: workerCount)
        // Entry 0 stands for "no flow"; low numbers are handed out first.
        for entry in 0..<entries { free[entry] = UInt32(entries - entry) }
        shared[0].freeCount = entries
        shared[0].limit.store(maximum, ordering: .relaxed)
    }
}
