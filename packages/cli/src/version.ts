/** Of both packages; a test holds it to their package.json. */
export const version = "0.1.0";
