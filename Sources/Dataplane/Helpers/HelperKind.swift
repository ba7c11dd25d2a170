import Net

/// The helpers there are. A new one is a case here, and a line in each of the two functions that say which type it is.
public enum HelperKind: UInt8, CaseIterable, Sendable {
    case ftp = 1
    case irc
    case tftp
    case amanda

    /// For the slow side.
    private var helper: any Helper.Type {
        switch self {
        case .ftp: FTPHelper.self
        case .irc: IRCHelper.self
        case .tftp: TFTPHelper.self
        case .amanda: AmandaHelper.self
        }
    }

    /// For the packet path, where every call is a direct one.
    @inline(__always)
    func read(_ packet: inout Packet, _ worker: inout Worker) -> DropReason? {
        switch self {
        case .ftp: FTPHelper.read(&packet, &worker)
        case .irc: IRCHelper.read(&packet, &worker)
        case .tftp: TFTPHelper.read(&packet, &worker)
        case .amanda: AmandaHelper.read(&packet, &worker)
        }
    }

    public var description: HelperDescription { helper.description }

    /// The kind that a helper's name means: its own name, or that and another than its usual port, like `ftp-2121`
    /// (nf_ct_helper_init in net/netfilter/nf_conntrack_helper.c). The port only tells two helpers apart; whoever assigns one
    /// says what is read.
    public init?(named name: String) {
        for kind in Self.allCases {
            let description = kind.description
            if name == description.name {
                self = kind
                return
            }
            guard name.hasPrefix(description.name + "-") else { continue }
            let digits = name.dropFirst(description.name.utf8.count + 1)
            guard let port = UInt16(digits), String(port) == digits, port != 0, port != description.port else { continue }
            self = kind
            return
        }
        return nil
    }

    /// What a helper of this kind is called on a port.
    public func name(onPort port: UInt16) -> String {
        let description = description
        return port == description.port ? description.name : "\(description.name)-\(port)"
    }
}
