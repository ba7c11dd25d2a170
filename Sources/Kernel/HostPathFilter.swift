import BPFPrograms
import CXDP
import Glibc

/// A program on tc ingress or egress of one link, for as long as it is not detached.
///
/// By a tcx link (Linux 6.6), which goes with the process; where there is none, by a filter of a clsact qdisc, which stays
/// behind a killed daemon until the next one clears it away.
struct HostPathFilter {
    enum Direction {
        case ingress, egress

        var tcx: Int32 { self == .ingress ? martlet_tcx_ingress : martlet_tcx_egress }
        var filter: bpf_tc_attach_point { self == .ingress ? BPF_TC_INGRESS : BPF_TC_EGRESS }
    }

    private enum Means {
        case tcx(descriptor: Int32)
        case filter(madeQdisc: Bool)
    }

    private let link: UInt32
    private let direction: Direction
    private let means: Means

    var isTCX: Bool { if case .tcx = means { true } else { false } }

    /// - Parameter allowTCX: false to do as on a kernel without it.
    init(
        program: Int32, link: UInt32, name: String, direction: Direction, allowTCX: Bool = true
    ) throws(HostPathError) {
        self.link = link
        self.direction = direction
        Self.clearStale(link)

        if allowTCX {
            let descriptor = martlet_link_tcx(program, Int32(link), direction.tcx)
            if descriptor >= 0 {
                means = .tcx(descriptor: descriptor)
                return
            }
            // EINVAL: the kernel knows no such place to attach to.
            guard errno == EINVAL || errno == EOPNOTSUPP else {
                throw HostPathError("attach the tc program", link: name, code: errno)
            }
        }
        let made = martlet_create_clsact(Int32(link))
        guard made == 0 || made == EEXIST else {
            throw HostPathError(
                "create the clsact qdisc", link: name, code: made,
                advice: "another ingress qdisc may be there (`tc qdisc show dev \(name)`)")
        }
        means = .filter(madeQdisc: made == 0)
        let code = martlet_attach_filter(program, Int32(link), direction.filter)
        guard code == 0 else {
            if made == 0 { _ = martlet_destroy_clsact(Int32(link)) }
            throw HostPathError("attach the tc filter", link: name, code: code)
        }
    }

    /// Leaves the link as it was found. A link that is gone meanwhile is no matter.
    func detach() {
        switch means {
        case .tcx(let descriptor): close(descriptor)
        case .filter(let madeQdisc):
            _ = martlet_detach_filter(Int32(link), direction.filter)
            if madeQdisc && LinkRequest.countFilters(link) == 0 { _ = martlet_destroy_clsact(Int32(link)) }
        }
    }

    /// Removes filters that a dead daemon of ours left, and the qdisc if nothing else is in it. Whose a filter is, its
    /// program's name says.
    static func clearStale(_ link: UInt32) {
        var found = false
        for direction in [Direction.ingress, .egress] {
            let number = martlet_query_filter(Int32(link), direction.filter)
            guard number != 0 else { continue }
            var name = [CChar](repeating: 0, count: 17)
            let descriptor = unsafe martlet_open_program(number, &name)
            guard descriptor >= 0 else { continue }
            close(descriptor)
            let text = String(decoding: name.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
            guard text.hasPrefix(BPFObject.namePrefix) else { continue }
            found = martlet_detach_filter(Int32(link), direction.filter) == 0 || found
        }
        if found && LinkRequest.countFilters(link) == 0 { _ = martlet_destroy_clsact(Int32(link)) }
    }
}
