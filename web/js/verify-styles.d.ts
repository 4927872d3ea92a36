/**
 * How `<otp-verify>` looks. A constructed stylesheet: a policy without inline styles allows it. Colours, fonts and
 * corners are custom properties with defaults for light and dark, by the `color-scheme` of the page around it.
 */
/** One sheet for all elements on a page. */
export declare function styleSheet(): any;
