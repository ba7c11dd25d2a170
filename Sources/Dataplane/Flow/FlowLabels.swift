import Synchronization

/// The 128 labels of a flow (`-m connlabel`): bits that rules set and nobody clears while the flow lives
/// (include/net/netfilter/nf_conntrack_labels.h). Only a flow that began while some rule asked for labels has them, which its status
/// says (`labelled`).
struct FlowLabels: ~Copyable {
    let low: Atomic<UInt64>
    let high: Atomic<UInt64>

    var bits: (UInt64, UInt64) { (low.load(ordering: .relaxed), high.load(ordering: .relaxed)) }
}

extension FlowTable {
    /// - Parameter label: 0 to 127.
    @inline(__always)
    func hasLabel(_ flow: UInt32, _ label: UInt8) -> Bool {
        guard flows[flow].status.contains(.labelled) else { return false }
        let bit: UInt64 = 1 << UInt64(label & 63)
        let bits = labels[flow].bits
        return (label < 64 ? bits.0 : bits.1) & bit != 0
    }

    /// Gives a flow that nobody else knows yet its labels, all clear (nf_ct_labels_ext_add).
    func makeLabels(_ flow: UInt32) {
        labels[flow].low.store(0, ordering: .relaxed)
        labels[flow].high.store(0, ordering: .relaxed)
        flows[flow].set(.labelled)
    }

    /// - Parameter label: 0 to 127.
    /// - Returns: false if the flow has no labels.
    func setLabel(_ flow: UInt32, _ label: UInt8) -> Bool {
        guard flows[flow].status.contains(.labelled) else { return false }
        let bit: UInt64 = 1 << UInt64(label & 63)
        if label < 64 {
            labels[flow].low.bitwiseOr(bit, ordering: .relaxed)
        } else {
            labels[flow].high.bitwiseOr(bit, ordering: .relaxed)
        }
        return true
    }
}
