/// What rules and configurations may say of helpers, which protocols' connections announce others.
public enum HelperPorts {
    /// The helpers there are, each with its usual port.
    static let usual: [String: UInt16] = ["ftp": 21, "irc": 6667, "tftp": 69, "amanda": 10080]

    /// Why a helper that the kernel has is none here, for the operator; nil if it is not refused.
    public static func refusal(of helper: String) -> String? {
        switch helper {
        case "sip": "SIP's addresses and media ports are not followed here: let phones speak to a proxy of their own"
        case "pptp": "PPTP's GRE calls are not followed here, and its encryption is broken: use another tunnel"
        case "RAS", "Q.931", "H.245": "H.323 is not followed here: let terminals speak to a gatekeeper of their own"
        case "netbios-ns": "answers to NetBIOS broadcasts are not followed here: allow UDP from port 137 by a rule"
        case "snmp": "answers to SNMP broadcasts are not followed here, nor addresses in SNMP rewritten: allow UDP from port 161 by a rule"
        case "sane": "SANE's data connections are not followed here: give saned a port range of its own and allow it by a rule"
        default: nil
        }
    }
}
