import Net
import Synchronization

/// What a router does that rules and routes do not say; the kernel's sysctls of the same purpose.
public struct RouterSettings: Sendable, Equatable {
    public var icmp = ICMPLimiter.Settings()
    /// ip_default_ttl: of packets made here.
    public var defaultTTL: UInt8 = 64
    /// icmp_errors_use_inbound_ifaddr.
    public var errorsUseIngressAddress = false

    public init() {}
}

/// What a worker decides by, immutable: rules and settings. It is loaded at the start of a burst and replaced whole. (Routes and
/// neighbours change far more often and are published by `Routing`, each change for itself.)
public struct Snapshot: Sendable {
    /// Grows with each snapshot.
    public var generation: UInt64
    public var rules: CompiledRules
    public var tracking: TrackingSettings
    public var settings: RouterSettings

    public init(
        generation: UInt64, rules: CompiledRules, tracking: TrackingSettings = TrackingSettings(),
        settings: RouterSettings = RouterSettings()
    ) {
        self.generation = generation
        self.rules = rules
        self.tracking = tracking
        self.settings = settings
    }
}

/// Where the snapshot in force lies. The slow side publishes; workers load.
@safe public struct SnapshotCell: @unchecked Sendable {
    private let cell: Slab<Atomic<UInt>>

    public init(_ first: Snapshot) {
        cell = Slab(count: 1)
        _ = publish(first)
    }

    /// Puts a snapshot in force.
    ///
    /// - Returns: releases the one before, to be called when every worker has passed a burst boundary since.
    public func publish(_ snapshot: Snapshot) -> @Sendable () -> Void {
        let block = UnsafeMutablePointer<Snapshot>.allocate(capacity: 1)
        unsafe block.initialize(to: snapshot)
        let old = cell[0].exchange(UInt(bitPattern: block), ordering: .acquiringAndReleasing)
        return {
            guard let block = unsafe UnsafeMutablePointer<Snapshot>(bitPattern: old) else { return }
            unsafe block.deinitialize(count: 1)
            unsafe block.deallocate()
        }
    }

    /// Replaces `snapshot` if a newer one is in force.
    @inline(__always)
    func load(into snapshot: inout Snapshot) {
        let address = cell[0].load(ordering: .acquiring)
        guard let block = unsafe UnsafePointer<Snapshot>(bitPattern: address) else { return }
        if unsafe block.pointee.generation != snapshot.generation { unsafe snapshot = block.pointee }
    }
}
