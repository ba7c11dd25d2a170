/// Targets that change what is known of a packet or of its flow, not its bytes.
public enum FlowTarget: Sendable, Equatable {
    /// mark = mark & ~mask ^ value.
    case mark(value: UInt32, mask: UInt32)
    /// NOTRACK, or CT --notrack.
    case noTrack
    /// CT's zone, or nothing but that the packet is to be tracked.
    case track(TrackingTemplate)
    /// CONNMARK --set-xmark: the flow's mark = (mark & ~mask ^ value), shifted.
    case setFlowMark(value: UInt32, mask: UInt32, shift: Int8)
    /// CONNMARK --save-mark: the flow's mark = mark & ~flowMask ^ (the packet's & packetMask, shifted).
    case saveMark(flowMask: UInt32, packetMask: UInt32, shift: Int8)
    /// CONNMARK --restore-mark: the packet's mark = mark & ~packetMask ^ (the flow's & flowMask, shifted).
    case restoreMark(flowMask: UInt32, packetMask: UInt32, shift: Int8)
    /// HMARK, by the number of its `HashMark`.
    case hashMark(UInt32)
    /// CLASSIFY: the packet carries its class to the end of its way. Ports have no queueing disciplines (their rings pass them by), so
    /// it chooses nothing there; the kernel chooses none for the host either, since a frame that comes to it by `BPF_F_INGRESS` has
    /// priority 0.
    case classify(UInt32)
}

extension Worker {
    @inline(__always)
    mutating func apply(_ target: FlowTarget, _ packet: inout Packet) -> TargetOutcome {
        switch target {
        case .mark(let value, let mask): packet.mark = packet.mark & ~mask ^ value
        case .noTrack: if packet.tracking.state == .none, !packet.template.isSet { packet.tracking.state = .untracked }
        case .track(let template): if packet.tracking.state == .none, !packet.template.isSet { packet.template = template }
        case .classify(let priority): packet.priority = priority
        case .hashMark(let number): hashMark(&packet, number)
        default: applyConnmark(target, &packet)
        }
        return .next
    }

    /// CONNMARK (connmark_tg_shift in net/netfilter/xt_connmark.c). Positive shifts are to the left.
    @inline(never)
    private func applyConnmark(_ target: FlowTarget, _ packet: inout Packet) {
        let flow = packet.tracking.flow
        guard flow != 0 else { return }
        let table = flows.flows
        switch target {
        case .setFlowMark(let value, let mask, let shift):
            table[flow].lock.lock()
            let old = table[flow].mark
            table[flow].mark = (old & ~mask ^ value) << shift
            if table[flow].mark != old { note(flow, .mark) }
            table[flow].lock.unlock()
        case .saveMark(let flowMask, let packetMask, let shift):
            let saved = (packet.mark & packetMask) << shift
            table[flow].lock.lock()
            let old = table[flow].mark
            table[flow].mark = old & ~flowMask ^ saved
            if table[flow].mark != old { note(flow, .mark) }
            table[flow].lock.unlock()
        case .restoreMark(let flowMask, let packetMask, let shift):
            packet.mark = packet.mark & ~packetMask ^ (table[flow].mark & flowMask) << shift
        default: break
        }
    }
}
